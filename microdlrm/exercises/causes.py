"""What usually lies behind an error in a learner's function, by its type and its text."""

from typing import NamedTuple


class Cause(NamedTuple):
    """The first cause whose type and patterns fit an error gives it a name and a hint."""

    errors: tuple[type[BaseException], ...]
    pattern: str
    code: str
    hint: str
    line: str = ""  # a pattern that the learner's line must show
    body: str = ""  # a pattern that the learner's function must show


_MULTIPLY = (
    "A matrix product needs the last size of the left one to equal the last but one of the right one, and "
    "equal batch sizes in front. Print both shapes just before this line: which two sizes have to meet?"
)
# A line with a matrix product in it, and nothing that works element by element.
_ONLY_A_PRODUCT = r"^(?!.*[\w)\]]\s*[-+*/]\s*[\w(]).*(?:@|matmul\()"
_AXES = (
    " Or did an earlier step put the axes in another order, or count along the wrong one? Print the shape of what "
    "you stacked."
)
# Positions kept as one tensor: given a name that is neither unpacked nor indexed later, or used as an index at once.
_NOT_UNPACKED = (
    r"(?m)^\s*(\w+)\s*=\s*(?:torch\.)?tri[ul]_indices(?![\s\S]*(?:\b\1\s*[\[.]|=\s*\1\b|\*\s*\1\b))"
    r"|\[[^\]*]*(?<!np\.)tri[ul]_indices"
)

_MEMORY = (
    "Your function asked for more memory than the check allows. On inputs this small it needs next to none: look "
    "at the sizes in the line shown, or for a list that grows without end."
)

CAUSES = [
    Cause((MemoryError,), "", "too much memory", _MEMORY),
    Cause(
        (RuntimeError, TypeError, ValueError),
        "allocate memory|not enough memory|Storage size|Overflow when unpacking|array is too big",
        "too much memory",
        _MEMORY,
    ),
    Cause(
        (RecursionError,),
        "",
        "calls itself without end",
        "Your function calls itself and never comes to an end.",
    ),
    Cause(
        (SystemExit, KeyboardInterrupt),
        "",
        "calls exit",
        "Your function ends the whole program. To end a function, `return`.",
    ),
    Cause(
        (NameError,),
        "",
        "unknown name",
        "Python doesn't know this name here: it is misspelt, never assigned on this path, or defined in a "
        "cell that hasn't run since the kernel started.",
    ),
    Cause(
        (ImportError,),
        "",
        "unknown module",
        "This module isn't installed here. The task needs nothing beyond torch.",
    ),
    Cause(
        (RuntimeError,),
        r"numpy\(\) on Tensor that requires grad",
        "gradient cut",
        "The numbers are right, but the way to them leads through NumPy, where no gradient flows. Stay in "
        "PyTorch from the inputs to the result. The error's own advice doesn't help: detaching cuts the gradient, too.",
    ),
    Cause(
        (TypeError, AttributeError),
        "",
        "a NumPy function on a tensor",
        "A function of NumPy meets a tensor of PyTorch here. PyTorch has a function of its own for it, through which "
        "gradients flow.",
        line=r"\b(np|numpy)\.",
    ),
    Cause(
        (TypeError,),
        "invalid combination of arguments|unexpected keyword argument|positional arguments?",
        "wrong arguments in a call",
        "What is called in this line doesn't take its arguments so. PyTorch and NumPy have functions of the same name "
        "with other arguments: where NumPy wants the new order of all axes, PyTorch may want the two to exchange.",
    ),
    Cause(
        (IndexError,),
        "shape of the mask",
        "mask on the wrong axes",
        "A mask has to fit the axes at which it stands. Used alone it stands at the first ones, and meets the batch: "
        "let a colon keep the batch's axis.",
    ),
    Cause(
        (IndexError,),
        "must be long, int, byte or bool",
        "mask of numbers",
        "A mask has to be Boolean, and yours holds floats. A comparison makes one.",
    ),
    Cause(
        (RuntimeError,),
        "modified by an inplace operation|leaf Variable that requires grad|view of a leaf",
        "inputs changed",
        "Your function changes a tensor in place that is still needed: the input itself, or something that "
        "its gradient is computed from. Make a new tensor instead.",
    ),
    Cause(
        (RuntimeError,),
        "don't support automatic differentiation",
        "gradient cut",
        "The numbers are right, but no gradient flows into a tensor that was made before and is filled by `out=`. "
        "Let the operation make its result anew.",
    ),
    Cause(
        (RuntimeError, IndexError),
        "invalid for input of size|must match",
        "selected by value",
        "You select by value: a product that happens to be 0 is lost, and the rows are no longer equally long. "
        "Select by position, which is the same for every row.",
        body=r"!=\s*0(\.0?)?\s*\]|\bnonzero\(",
    ),
    Cause(
        (RuntimeError, IndexError),
        "same number of dimensions|out of (range|bounds)",
        "indices not unpacked",
        "What lists the positions gives one tensor (2, p): the row numbers, then the column numbers. As an index they "
        "have to come as two tensors (p,): unpack it.",
        body=_NOT_UNPACKED,
    ),
    Cause(
        (RuntimeError,),
        "mat1 and mat2",
        "shapes don't multiply",
        "A matrix product of two tensors (B, d) mixes the rows of the batch: it needs d to meet B. One pair, row by "
        "row, is something else: multiply element by element, then sum.",
        body="x_sparse",
    ),
    Cause(
        (RuntimeError,),
        "batch2 tensor|mat1 and mat2|size mismatch|inconsistent tensor size",
        "shapes don't multiply",
        _MULTIPLY,
    ),
    Cause(
        (RuntimeError,),
        "must match the size of tensor b",
        "shapes don't multiply",
        f"{_MULTIPLY} With a batch in front, .T reverses all axes, and only the last two should change places.",
        line=_ONLY_A_PRODUCT + r".*\.T\b",
    ),
    Cause((RuntimeError,), "must match the size of tensor b", "shapes don't multiply", _MULTIPLY, line=_ONLY_A_PRODUCT),
    Cause(
        (RuntimeError,),
        "must be a 3D tensor|1D tensors expected|2D tensor|must be a matrix|subscript|<= 2 dimensions",
        "wrong number of dimensions",
        "This operation expects tensors of another number of dimensions, or of other sizes. Print the shapes "
        "just before this line: is the batch dimension there, and one for the vectors?",
    ),
    Cause(
        (RuntimeError,),
        "Sizes of tensors must match except in dimension 0",
        "joined along the wrong dimension",
        "You joined along dimension 0, one below the other, which is what joining does unless told otherwise. Then all "
        "other sizes have to agree, and here they don't. Side by side, column after column, is dimension 1.",
        line=r"(?<!v)(cat|concat|concatenate)\((?!.*(dim|axis) ?= ?0)",
    ),
    Cause(
        (RuntimeError,),
        "Sizes of tensors must match.*got size 1 for",
        "batch axis lost",
        "One of the tensors to be joined has a single row where the batch has several. Print the shapes: did a sum "
        "run over the batch's axis, or did a new axis come in front that should stand behind?",
    ),
    Cause(
        (RuntimeError,),
        "Sizes of tensors must match except in dimension",
        "joined along the wrong dimension",
        "Tensors can be joined if all their sizes agree but one, the one along which they are joined. Print "
        f"the shapes: which size differs here, and which dimension did you name?{_AXES}",
    ),
    Cause(
        (RuntimeError,),
        "zero-dimensional tensor",
        "summed over everything",
        "A tensor without dimensions can't be joined to others. A sum that names no dimension adds up everything, the "
        "rows of the batch too.",
    ),
    Cause(
        (RuntimeError,),
        "same number of dimensions",
        "joined with different dimensions",
        "Only tensors with equally many dimensions can be joined. Print the shapes: one of them lacks a "
        "dimension, or has one too many.",
    ),
    Cause(
        (RuntimeError,),
        "expects each tensor to be equal size",
        "unequal shapes",
        "These tensors have different shapes, so they can't be laid upon each other. Print all the shapes.",
    ),
    Cause(
        (RuntimeError, ValueError),
        "non-empty",
        "nothing to join",
        "The list to be joined is empty. Does the loop that fills it run at all?",
    ),
    Cause(
        (TypeError,),
        "expected Tensor as element|must be (a )?(tuple of Tensors|Tensors?), not|got list|"
        "can only concatenate list|only integer tensors|unsupported operand|indices must be integers",
        "a list where a tensor is due",
        "A Python list stands where a tensor is due, or a tensor where a list is due. Print the types of both "
        "sides: an argument that is a list of tensors has to be unpacked before its tensors can be used.",
    ),
    Cause(
        (AttributeError,),
        "'(list|tuple)' object",
        "a list where a tensor is due",
        "This is a Python list of tensors, not a tensor: it has a length, but no shape and no tensor methods.",
    ),
    Cause(
        (AttributeError,),
        "'(NoneType|ellipsis)' object",
        "None where a tensor is due",
        "Something here is still empty: a function that returns nothing, or a `...` that is yet to be filled.",
    ),
    Cause(
        (RuntimeError,),
        "is invalid for input of size|view size is not compatible|expanded size",
        "reshape doesn't fit",
        "Reshaping keeps the number of elements and their order. Print the shape before this line, and "
        "multiply it out.",
    ),
    Cause(
        (RuntimeError,),
        "must match the size of tensor b|does not broadcast|broadcastable",
        "shapes don't fit",
        "The two shapes don't fit element by element: compared from the right, two sizes must be equal or one "
        "of them 1. Print both just before this line.",
    ),
    Cause(
        (IndexError,),
        "Dimension out of range|too many indices",
        "no such dimension",
        "You named a dimension that this tensor doesn't have. Print its shape: one may have been lost, or "
        "never been added.",
    ),
    Cause(
        (IndexError,),
        "",
        "index out of range",
        f"An index runs past the end. Counting starts at 0, so the last index is the size minus 1.{_AXES}",
    ),
    Cause(
        (RuntimeError, AssertionError),
        "same dtype|scalar type|CUDA|device",
        "wrong dtype or device",
        "Two tensors here differ in dtype or in device. Make new ones with the dtype and on the device of the inputs.",
    ),
    Cause(
        (RuntimeError, ValueError, TypeError),
        "cannot be converted to Scalar|only one element tensors|only 0-dimensional",
        "a tensor where a number is due",
        "Here a tensor is made of plain numbers, one number at a time, and gradients end there. Tensors are joined by "
        "stacking or concatenating them.",
        line=r"\btensor\(",
    ),
    Cause(
        (RuntimeError, ValueError, TypeError),
        "ambiguous|cannot be converted to Scalar|only one element tensors|only 0-dimensional|float\\(\\)",
        "a tensor where a number is due",
        "A tensor of many numbers stands where one number, or one yes or no, is due.",
    ),
    Cause(
        (TypeError,),
        "unhashable type: 'list'",
        "a key that can change",
        "A list can't be the key of a dict, nor in a set, nor an argument of a function under `cache` or `lru_cache`: "
        "what they remember they find by the arguments. Remember what a number leads to, or nothing.",
    ),
    Cause(
        (RuntimeError,),
        "^Expected \\d+ elements in a list but found",
        "number of tables recorded",
        "`torch.jit.trace` records the steps taken on its example, and repeats them: the example's number of tables is "
        "fixed in what came of it. Hand over the function itself.",
    ),
    Cause(
        (ZeroDivisionError,),
        "",
        "division by zero",
        "Something is divided by zero: a count that can be 0, or a size that is.",
    ),
    Cause(
        (BaseException,),
        "",
        "exception",
        "Your function stopped with an error. Just before the line where it did, print the types and shapes of what "
        "stands in it.",
    ),
]
