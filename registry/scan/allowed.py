"""What a pickle may name: data and estimators of known libraries. Whatever is not here is unknown, and so unsafe.

A line is `module:name` with * and ?; in a module * also stands for dots. `[A-Z]*` is a class by its first letter.
"""

from fnmatch import fnmatchcase

LIST = 2  # raise it with each change: what was scanned under another list is scanned anew
ALLOWED = (
    *(f"builtins:{name}" for name in (
        "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "object", "range", "set",
        "slice", "str", "tuple",
    )),
    "_codecs:encode",
    "copyreg:_reconstructor",
    "collections:OrderedDict", "collections:defaultdict", "collections:deque", "collections:Counter",
    "datetime:date", "datetime:datetime", "datetime:time", "datetime:timedelta", "datetime:timezone",
    "decimal:Decimal", "fractions:Fraction", "uuid:UUID", "pathlib:PurePosixPath",
    "numpy:ndarray", "numpy:dtype", "numpy:bool_", "numpy:float*", "numpy:int*", "numpy:uint*", "numpy:str_",
    "numpy.core.multiarray:_reconstruct", "numpy.core.multiarray:scalar",
    "numpy._core.multiarray:_reconstruct", "numpy._core.multiarray:scalar",
    "numpy.core.numeric:_frombuffer", "numpy._core.numeric:_frombuffer",
    "numpy.ma.core:_mareconstruct", "numpy.ma.core:MaskedArray",
    "numpy.random._pickle:__randomstate_ctor", "numpy.random._pickle:__generator_ctor",
    "numpy.random.bit_generator:SeedSequence", "numpy.random.bit_generator:__pyx_unpickle_SeedSequence",
    "numpy.random._pickle:__bit_generator_ctor", "numpy.random._mt19937:MT19937", "numpy.random._pcg64:PCG64",
    "joblib.numpy_pickle:NumpyArrayWrapper",
    "pandas.core.*:[A-Z]*", "pandas.core.indexes.base:_new_Index", "pandas.core.internals.blocks:new_block",
    "pandas._libs.internals:_unpickle_block", "pandas._libs.arrays:__pyx_unpickle_NDArrayBacked",
    "scipy.sparse.*:[a-z]*_matrix", "scipy.sparse.*:[a-z]*_array",
    "sklearn.*:[A-Z]*", "sklearn.*:_[A-Z]*", "sklearn.*:__pyx_unpickle_[A-Z]*", "sklearn.*:newObj",
    "xgboost.core:Booster", "xgboost.sklearn:[A-Z]*", "lightgbm.basic:Booster", "lightgbm.sklearn:[A-Z]*",
    "catboost.core:[A-Z]*",
    "torch._utils:_rebuild_tensor_v2", "torch._utils:_rebuild_parameter", "torch:[A-Z]*Storage",
    "torch.storage:UntypedStorage", "torch.nn.modules.*:[A-Z]*", "torch.nn.parameter:Parameter",
    "torch:float16", "torch:float32", "torch:float64", "torch:int64", "torch:bfloat16", "torch:Size",
)  # fmt: skip


def is_allowed(module: str, name: str) -> bool:
    """Whether a pickle may import `name` from `module`. A dotted name reaches into a class: never."""
    if "." in name:
        return False
    return any(
        fnmatchcase(module, line.partition(":")[0]) and fnmatchcase(name, line.partition(":")[2]) for line in ALLOWED
    )
