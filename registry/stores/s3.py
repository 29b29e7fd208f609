"""A bucket of objects named by their SHA-256. boto3 finds its credentials, region and endpoint in AWS's own variables.

A digest is known only when the last byte has come. So a large upload goes, part by part, to a draft; whole and hashed,
it is copied to its name inside the bucket, which shows an object whole or not at all. A small one goes there at once.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from registry.stores.contract import CHUNK, Hashed, StoreDown, StoreFull, Written

PART = 8 * 2**20
PARTS_MAX = 10_000
CONNECT_S, READ_S = 5, 60
GONE = {"404", "NoSuchKey", "NotFound"}
FULL = {"NoSuchBucket", "AccessDenied", "QuotaExceeded", "XMinioStorageFull", "InvalidAccessKeyId", "403", "507"}
FULL |= {"SignatureDoesNotMatch", "InsufficientStorage", "EntityTooLarge"}
WORDS = {
    "NoSuchBucket": "the bucket {bucket} is not there",
    "AccessDenied": "the bucket {bucket} refuses our key",
    "403": "the bucket {bucket} refuses our key",
    "InvalidAccessKeyId": "the bucket {bucket} refuses our key",
    "SignatureDoesNotMatch": "the bucket {bucket} refuses our key",
    "404": "the bucket {bucket} is not there",
}


class Bucket:
    """The store in S3, or in what speaks like it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.bucket = parts.netloc
        self.prefix = f"{parts.path.strip('/')}/".lstrip("/")

    @cached_property
    def client(self) -> Any:
        """The connection pool of this process. boto3 is large: only those who use it load it."""
        import boto3  # noqa: PLC0415 - a vendor library, on first use
        from botocore.config import Config  # noqa: PLC0415 - same

        own = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        style = {"addressing_style": "path"} if own else {}
        config = Config(
            connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 3}, s3=style,
            max_pool_connections=32,
        )  # fmt: skip
        return boto3.session.Session().client("s3", config=config)

    def write(self, chunks: Iterable[bytes], *, limit: int, expected: int | None = None) -> Written:
        """One PUT where all of it fits in a part, else parts to a draft and a copy."""
        hashed = Hashed(chunks, limit=limit, expected=expected)
        parts = _parts(iter(hashed), max(PART, limit // PARTS_MAX + 1))
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            self._put_small(hashed.written, first)
        else:
            self._put_large(hashed, first, second, parts)
        return hashed.written

    def _put_small(self, written: Written, body: bytes) -> None:
        with self._explained():
            self.client.put_object(Bucket=self.bucket, Key=self._key(written.sha256), Body=body)

    def _put_large(self, hashed: Hashed, first: bytes, second: bytes, rest: Iterator[bytes]) -> None:
        draft = {"Bucket": self.bucket, "Key": f"{self.prefix}drafts/{secrets.token_hex(16)}"}
        with self._explained():
            upload = {**draft, "UploadId": self.client.create_multipart_upload(**draft)["UploadId"]}
        try:
            tags = [self._put_part(upload, number, part) for number, part in _numbered(first, second, rest)]
        except BaseException:
            with suppress(Exception):
                self.client.abort_multipart_upload(**upload)
            raise
        with self._explained():
            self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": tags})
        self._name(draft, hashed.written)

    def _put_part(self, upload: dict[str, str], number: int, part: bytes) -> dict[str, Any]:
        with self._explained():
            said = self.client.upload_part(**upload, PartNumber=number, Body=part)
        return {"PartNumber": number, "ETag": said["ETag"]}

    def _name(self, draft: dict[str, str], written: Written) -> None:
        """Copy the draft to its digest, inside the bucket, and drop it."""
        try:
            with self._explained():
                self.client.copy(draft, self.bucket, self._key(written.sha256))
        finally:
            with suppress(Exception):
                self.client.delete_object(**draft)

    def read(self, sha256: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield bytes of the object as they come."""
        if length == 0:
            return
        end = "" if length is None else start + length - 1
        span = {"Range": f"bytes={start}-{end}"} if start or length is not None else {}
        with self._explained():
            body = self.client.get_object(Bucket=self.bucket, Key=self._key(sha256), **span)["Body"]
        try:
            chunks = body.iter_chunks(CHUNK)
            while True:
                with self._explained():
                    chunk = next(chunks, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            body.close()

    def length(self, sha256: str) -> int | None:
        """Return the object's length."""
        try:
            with self._explained():
                return int(self.client.head_object(Bucket=self.bucket, Key=self._key(sha256))["ContentLength"])
        except FileNotFoundError:
            return None

    def remove(self, sha256: str) -> None:
        """Remove the object."""
        with self._explained():
            self.client.delete_object(Bucket=self.bucket, Key=self._key(sha256))

    def drop_drafts(self, before: datetime) -> int:
        """Abort uploads begun before then and remove drafts that were never named."""
        place, gone = {"Bucket": self.bucket, "Prefix": f"{self.prefix}drafts/"}, 0
        with self._explained():
            for page in self.client.get_paginator("list_multipart_uploads").paginate(**place):
                for one in page.get("Uploads", ()):
                    if one["Initiated"] < before:
                        self.client.abort_multipart_upload(Bucket=self.bucket, Key=one["Key"], UploadId=one["UploadId"])
                        gone += 1
            for page in self.client.get_paginator("list_objects_v2").paginate(**place):
                for one in page.get("Contents", ()):
                    if one["LastModified"] < before:
                        self.client.delete_object(Bucket=self.bucket, Key=one["Key"])
                        gone += 1
        return gone

    def trouble(self) -> str:
        """Say where the bucket does not answer or refuses us."""
        try:
            with self._explained():
                self.client.head_bucket(Bucket=self.bucket)
        except FileNotFoundError:
            return WORDS["404"].format(bucket=self.bucket)
        except (StoreDown, StoreFull) as why:
            return why.message
        return ""

    def _key(self, sha256: str) -> str:
        return f"{self.prefix}blobs/{sha256[:2]}/{sha256[2:]}"

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn S3's refusals into ours. No message of boto3's goes on: some hold what was sent."""
        from botocore import exceptions as boto  # noqa: PLC0415 - on first use, with boto3
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - same

        try:
            yield
        except boto.ClientError as why:
            raise self._refusal(why.response) from why
        except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.NoRegionError) as why:
            raise StoreFull("Files cannot be stored: AWS_ACCESS_KEY_ID and its like are not set.") from why
        except (boto.BotoCoreError, boto.HTTPClientError, HTTPError, OSError) as why:
            message = f"The bucket {self.bucket} does not answer ({type(why).__name__})."
            raise StoreDown(message, next_step="Try again.") from why

    def _refusal(self, response: Any) -> Exception:
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in GONE:
            return FileNotFoundError(code)
        words = WORDS.get(code, f"the bucket {{bucket}} answers {code or status}").format(bucket=self.bucket)
        kind = StoreFull if code in FULL or str(status) in FULL else StoreDown
        return kind(f"The store of files fails: {words}.", next_step="Ask an operator.")


def _parts(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the bytes in parts of `size`, the last one shorter."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= size:
            yield bytes(memoryview(held)[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _numbered(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    yield 1, first
    yield 2, second
    yield from enumerate(rest, start=3)
