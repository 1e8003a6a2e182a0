// One result element from one element of each operand, with NumPy broadcasting.
#ifndef DS_ELEMENTWISE_OPS
#define DS_ELEMENTWISE_OPS
include "dialects/ds/ir/DsBase.td"

// Operand shapes are aligned at the last axis; a size of 1 (or a missing axis) repeats.
def Ds_Elementwise : NativeOpTrait<"Elementwise"> { let cppNamespace = "::mlir::ds::OpTrait"; }

class Ds_ElementwiseOp<string mnemonic, string what, list<Trait> traits = []> : Ds_Op<mnemonic, traits # [Ds_Elementwise]> {
  let summary = what;
  let description = [{
    C1: operand shapes broadcast together as NumPy's do. C2: the result has the broadcast shape.
  }];
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

class Ds_UnaryOp<string mnemonic, string what, Type type = Ds_FloatTensor>
    : Ds_ElementwiseOp<mnemonic, what, [SameOperandsAndResultElementType]> {
  let arguments = (ins type:$input);
  let results = (outs type:$result);
}
def Ds_AbsOp : Ds_UnaryOp<"abs", "|x|", Ds_NumTensor>;
def Ds_NegOp : Ds_UnaryOp<"neg", "-x", Ds_NumTensor>;
def Ds_SignOp : Ds_UnaryOp<"sign", "-1, 0 or 1 (NaN stays NaN)", Ds_NumTensor>;
def Ds_FloorOp : Ds_UnaryOp<"floor", "the largest integer not above x">;
def Ds_CeilOp : Ds_UnaryOp<"ceil", "the smallest integer not below x">;
def Ds_RoundOp : Ds_UnaryOp<"round", "the nearest integer, ties to even">;
def Ds_SqrtOp : Ds_UnaryOp<"sqrt", "square root">;
def Ds_RsqrtOp : Ds_UnaryOp<"rsqrt", "1 / sqrt(x)">;
def Ds_ExpOp : Ds_UnaryOp<"exp", "e^x">;
def Ds_LogOp : Ds_UnaryOp<"log", "natural logarithm">;
def Ds_SinOp : Ds_UnaryOp<"sin", "sine">;
def Ds_CosOp : Ds_UnaryOp<"cos", "cosine">;
def Ds_TanOp : Ds_UnaryOp<"tan", "tangent">;
def Ds_AsinOp : Ds_UnaryOp<"asin", "arc sine">;
def Ds_AcosOp : Ds_UnaryOp<"acos", "arc cosine">;
def Ds_AtanOp : Ds_UnaryOp<"atan", "arc tangent">;
def Ds_SinhOp : Ds_UnaryOp<"sinh", "hyperbolic sine">;
def Ds_CoshOp : Ds_UnaryOp<"cosh", "hyperbolic cosine">;
def Ds_AsinhOp : Ds_UnaryOp<"asinh", "inverse hyperbolic sine">;
def Ds_AcoshOp : Ds_UnaryOp<"acosh", "inverse hyperbolic cosine">;
def Ds_AtanhOp : Ds_UnaryOp<"atanh", "inverse hyperbolic tangent">;
def Ds_TanhOp : Ds_UnaryOp<"tanh", "hyperbolic tangent">;
def Ds_SigmoidOp : Ds_UnaryOp<"sigmoid", "1 / (1 + e^-x)">;
def Ds_ErfOp : Ds_UnaryOp<"erf", "the error function">;
def Ds_SoftplusOp : Ds_UnaryOp<"softplus", "log(1 + e^x)">;
def Ds_SiluOp : Ds_UnaryOp<"silu", "x * sigmoid(x)">;
def Ds_GeluOp : Ds_UnaryOp<"gelu", "x * Phi(x), by erf, or by tanh when `tanh` is set"> {
  let arguments = (ins Ds_FloatTensor:$input, UnitAttr:$tanh);
}
def Ds_ReluOp : Ds_UnaryOp<"relu", "max(x, 0), NaN stays NaN", Ds_NumTensor>;
def Ds_NotOp : Ds_UnaryOp<"not", "logical not of bools", Ds_BoolTensor>;
def Ds_BitNotOp : Ds_UnaryOp<"bit_not", "every bit inverted", Ds_IntTensor>;

class Ds_TestOp<string mnemonic, string what, dag args> : Ds_ElementwiseOp<mnemonic, what> {
  let arguments = args;
  let results = (outs Ds_BoolTensor:$result);
}
def Ds_IsNanOp : Ds_TestOp<"is_nan", "whether x is NaN", (ins Ds_FloatTensor:$input)>;
def Ds_IsInfOp : Ds_TestOp<"is_inf", "whether x is +Inf (if `positive`) or -Inf (if `negative`)",
    (ins Ds_FloatTensor:$input, BoolAttr:$positive, BoolAttr:$negative)>;

class Ds_BinaryOp<string mnemonic, string what, Type type = Ds_NumTensor>
    : Ds_ElementwiseOp<mnemonic, what, [SameOperandsAndResultElementType]> {
  let arguments = (ins type:$lhs, type:$rhs);
  let results = (outs type:$result);
}
def Ds_AddOp : Ds_BinaryOp<"add", "a + b (integers wrap)">;
def Ds_SubOp : Ds_BinaryOp<"sub", "a - b (integers wrap)">;
def Ds_MulOp : Ds_BinaryOp<"mul", "a * b (integers wrap)">;
def Ds_DivOp : Ds_BinaryOp<"div", "a / b; integers round towards zero, x / 0 is 0">;
def Ds_MaxOp : Ds_BinaryOp<"max", "the larger one, NaN if either is">;
def Ds_MinOp : Ds_BinaryOp<"min", "the smaller one, NaN if either is">;
def Ds_ModOp : Ds_BinaryOp<"mod", "remainder: sign of b, or sign of a when `fmod`; integer x mod 0 is 0"> {
  let arguments = (ins Ds_NumTensor:$lhs, Ds_NumTensor:$rhs, UnitAttr:$fmod);
}
def Ds_AndOp : Ds_BinaryOp<"and", "logical and", Ds_BoolTensor>;
def Ds_OrOp : Ds_BinaryOp<"or", "logical or", Ds_BoolTensor>;
def Ds_XorOp : Ds_BinaryOp<"xor", "logical exclusive or", Ds_BoolTensor>;
def Ds_BitAndOp : Ds_BinaryOp<"bit_and", "bitwise and", Ds_IntTensor>;
def Ds_BitOrOp : Ds_BinaryOp<"bit_or", "bitwise or", Ds_IntTensor>;
def Ds_BitXorOp : Ds_BinaryOp<"bit_xor", "bitwise exclusive or", Ds_IntTensor>;
def Ds_ShiftLeftOp : Ds_BinaryOp<"shift_left", "a << b, 0 from the width on", Ds_IntTensor>;
def Ds_ShiftRightOp : Ds_BinaryOp<"shift_right", "a >> b; the sign fills signed values; 0 (or -1) from the width on", Ds_IntTensor>;

def Ds_PowOp : Ds_ElementwiseOp<"pow", "a to the power b, in a's type; b may be of another numeric type",
                                [AllElementTypesMatch<["lhs", "result"]>]> {
  let arguments = (ins Ds_NumTensor:$lhs, Ds_NumTensor:$rhs);
  let results = (outs Ds_NumTensor:$result);
}
def SameTypeOperandElements : PredOpTrait<"operands have one element type",
    CPred<"::mlir::getElementTypeOrSelf($lhs) == ::mlir::getElementTypeOrSelf($rhs)">>;
class Ds_CompareOp<string mnemonic, string what> : Ds_ElementwiseOp<mnemonic, what, [SameTypeOperandElements]> {
  let arguments = (ins Ds_NumTensor:$lhs, Ds_NumTensor:$rhs);
  let results = (outs Ds_BoolTensor:$result);
}
def Ds_EqualOp : Ds_CompareOp<"equal", "a = b">;
def Ds_LessOp : Ds_CompareOp<"less", "a < b">;
def Ds_LessEqualOp : Ds_CompareOp<"less_equal", "a <= b">;

def Ds_SelectOp : Ds_ElementwiseOp<"select", "a where the condition holds, else b",
                                   [AllElementTypesMatch<["lhs", "rhs", "result"]>]> {
  let arguments = (ins Ds_BoolTensor:$condition, Ds_Tensor:$lhs, Ds_Tensor:$rhs);
  let results = (outs Ds_Tensor:$result);
}
def Ds_CastOp : Ds_ElementwiseOp<"cast", "the value in another element type"> {
  let description = [{
    Floats round to nearest even; float to integer truncates towards zero and saturates (NaN gives 0); integers wrap;
    to `i1`, whatever is not zero is true. C1: operand and result shapes are equal.
  }];
  let arguments = (ins Ds_Tensor:$input);
  let results = (outs Ds_Tensor:$result);
}
def SameElementWidth : PredOpTrait<"operand and result elements have one width",
    CPred<"::mlir::getElementTypeOrSelf($input).getIntOrFloatBitWidth() == "
          "::mlir::getElementTypeOrSelf($result).getIntOrFloatBitWidth()">>;
def Ds_BitcastOp : Ds_ElementwiseOp<"bitcast", "the same bits as another element type of the same width", [SameElementWidth]> {
  let arguments = (ins Ds_Tensor:$input);
  let results = (outs Ds_Tensor:$result);
}
#endif
