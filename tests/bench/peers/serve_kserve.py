"""python serve_kserve.py FILE PORT: serves an ONNX model by the KServe SDK. Run by a peer's interpreter."""

import sys
from typing import Any

import kserve
import onnxruntime


class Boosted(kserve.Model):  # type: ignore[misc]
    """One session with one thread, as many as the machine has left beside the server."""

    def load(self) -> bool:
        """Open the file."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[1], options)
        self.ready = True
        return self.ready

    def predict(self, payload: Any, headers: Any = None, response_headers: Any = None) -> Any:
        """Answer with label and probabilities, as numbers in JSON."""
        outputs = []
        for found, values in zip(
            self.session.get_outputs(), self.session.run(None, {"X": table(payload)}), strict=True
        ):
            kind = "INT64" if values.dtype.kind == "i" else "FP32"
            output = kserve.InferOutput(name=found.name, shape=list(values.shape), datatype=kind)
            output.set_data_from_numpy(values, binary_data=False)
            outputs.append(output)
        return kserve.InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=outputs)


def table(payload: Any) -> Any:
    """Return the only input as an array."""
    return payload.inputs[0].as_numpy()


if __name__ == "__main__":
    served = Boosted("boosted")
    served.load()
    kserve.ModelServer(http_port=int(sys.argv[2]), enable_grpc=False, workers=1).start([served])
