"""Models of each kind go through the unmodified client and come back the same: by their own loader and by pyfunc."""

import pytest

from tests.wire.conftest import Client

pytestmark = pytest.mark.wire

ROWS = """
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

frame = pd.DataFrame({"amount": [1.0, 2.0, 30.0, 40.0]}, dtype="float32")


def register(flavor, model, name, answers, **named):
    with mlflow.start_run():
        flavor.log_model(
            model, name="model", registered_model_name=name, signature=infer_signature(frame, answers),
            pip_requirements=["numpy"], **named,
        )
    client.set_registered_model_tag(name, "of", "flavors")
    (version,) = client.search_model_versions(f"name = '{name}'")
    assert version.status == "READY"
    return "mlflow-artifacts:" in client.get_model_version_download_uri(name, version.version)


def same(found, wanted):
    np.testing.assert_allclose(np.asarray(found).ravel(), np.asarray(wanted).ravel(), rtol=1e-5)
"""

SKLEARN = """
from sklearn.linear_model import LinearRegression
fitted = LinearRegression().fit(frame, [3.0, 5.0, 61.0, 81.0])
for name, how in (("Skops", {"serialization_format": "skops", "skops_trusted_types": []}), ("Pickled", {"serialization_format": "cloudpickle"})):
    assert register(mlflow.sklearn, fitted, name, fitted.predict(frame), **how)
    same(mlflow.sklearn.load_model(f"models:/{name}/1").predict(frame), [3, 5, 61, 81])
    same(mlflow.pyfunc.load_model(f"models:/{name}/latest").predict(frame), [3, 5, 61, 81])
"""

PYFUNC = """
class Doubler(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.factor = float(open(context.artifacts["factor"]).read())

    def predict(self, context, model_input, params=None):
        return model_input["amount"] * self.factor + (params or {}).get("plus", 0)


class Doublers:
    @staticmethod
    def log_model(model, **named):
        return mlflow.pyfunc.log_model(python_model=model, **named)


open("factor.txt", "w").write("2")
assert register(Doublers, Doubler(), "Doubler", frame["amount"], artifacts={"factor": "factor.txt"})
loaded = mlflow.pyfunc.load_model("models:/Doubler/1")
same(loaded.predict(frame), frame["amount"] * 2)
assert loaded.unwrap_python_model().factor == 2
"""

ONNX = """
import onnx
from onnx import TensorProto, helper

nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
shapes = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in ("x", "y")]
weights = helper.make_tensor("w", TensorProto.FLOAT, [1, 1], [2.0])
graph = helper.make_graph(nodes, "double", shapes[:1], shapes[1:], [weights])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
assert register(mlflow.onnx, model, "Onnx", frame.to_numpy() * 2)
assert mlflow.onnx.load_model("models:/Onnx/1").SerializeToString() == model.SerializeToString()
same(mlflow.pyfunc.load_model("models:/Onnx/1").predict(frame)["y"], frame["amount"] * 2)
"""

XGBOOST = """
import xgboost
fitted = xgboost.XGBRegressor(n_estimators=5, max_depth=2).fit(frame, [3.0, 5.0, 61.0, 81.0])
answers = fitted.predict(frame)
assert register(mlflow.xgboost, fitted, "Xgboost", answers)
same(mlflow.xgboost.load_model("models:/Xgboost/1").predict(frame), answers)
same(mlflow.pyfunc.load_model("models:/Xgboost/1").predict(frame), answers)
assert register(mlflow.xgboost, fitted.get_booster(), "Booster", answers, model_format="json")
same(mlflow.xgboost.load_model("models:/Booster/1").predict(xgboost.DMatrix(frame)), answers)
"""


KNOWN = """
import requests
head = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
call = os.environ["MLFLOW_TRACKING_URI"] + "/api/v1/models"
found = requests.get(call, params={"q": f"framework = '{framework}' AND tags.of = 'flavors'"}, headers=head)
assert [one["name"] for one in found.json()] == names, found.text
"""


@pytest.mark.parametrize(
    ("script", "framework", "names"),
    [
        (SKLEARN, "sklearn", ["Pickled", "Skops"]),
        (PYFUNC, "python_function", ["Doubler"]),
        (ONNX, "onnx", ["Onnx"]),
        (XGBOOST, "xgboost", ["Booster", "Xgboost"]),
    ],
    ids=["sklearn", "pyfunc", "onnx", "xgboost"],
)
def test_a_model_is_logged_registered_found_by_its_framework_and_loaded(
    client: Client, script: str, framework: str, names: list[str]
) -> None:
    client.run("dana", f"framework, names = {framework!r}, {names!r}\n" + ROWS + script + KNOWN)
