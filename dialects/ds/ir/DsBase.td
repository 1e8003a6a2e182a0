// The dialect, its enums and the base classes of its ops.
#ifndef DS_BASE
#define DS_BASE
include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Ds_Dialect : Dialect {
  let name = "ds";
  let cppNamespace = "::mlir::ds";
  let summary = "Neural networks as pure values: what passes of ds need to see whole.";
  let description = [{
    About a hundred ops on builtin ranked tensors. Values are pure: no op reads or writes memory. Element types are
    `f64 f32 f16 bf16`, signless integers (signed), `ui8 ui16 ui32 ui64` (unsigned) and `i1` (bool).

    Every op infers its result shape from its operands by one function (`ShapeOpInterface`), which serves the
    verifier, the importer's types and the analysis of symbolic shapes alike. Sizes that are not known when the
    model is compiled are `index` operands, mixed with static ones as in `tensor.extract_slice`.
  }];
  let hasConstantMaterializer = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect"];
}

def ShapeOpInterface : OpInterface<"ShapeOpInterface"> {
  let cppNamespace = "::mlir::ds";
  let description = "An op whose result shapes follow from its operands and attributes.";
  let methods = [
    InterfaceMethod<[{
      Checks the constraints on operands and appends the dims of each result, in terms of `shapes`' symbols.
      On failure an error that cites the violated constraint has been emitted.
    }], "::llvm::LogicalResult", "inferShapes",
    (ins "::mlir::ds::ShapeContext &":$shapes, "::llvm::SmallVectorImpl<::mlir::ds::Dims> &":$results)>
  ];
  let verify = "return ::mlir::ds::verifyShapes($_op);";
}

class Ds_Op<string mnemonic, list<Trait> traits = []>
    : Op<Ds_Dialect, mnemonic, traits # [Pure, DeclareOpInterfaceMethods<ShapeOpInterface>]>;

def Ds_AnyInt : AnyTypeOf<[AnySignlessInteger, UI8, UI16, UI32, UI64]>;
def Ds_Tensor : RankedTensorOf<[AnyFloat, AnySignlessInteger, UI8, UI16, UI32, UI64]>;
def Ds_FloatTensor : RankedTensorOf<[AnyFloat]>;
def Ds_IntTensor : RankedTensorOf<[AnySignlessInteger, UI8, UI16, UI32, UI64]>;
def Ds_BoolTensor : RankedTensorOf<[I1]>;
def Ds_NumTensor : RankedTensorOf<[AnyFloat, AnySignlessInteger, UI8, UI16, UI32, UI64]>;

class Ds_Enum<string name, list<string> cases> : I32EnumAttr<name, "", !foreach(i, !range(!size(cases)),
    I32EnumAttrCase<cases[i], i>)> {
  let cppNamespace = "::mlir::ds";
  let genSpecializedAttr = 0;
}
class Ds_EnumAttr<EnumAttrInfo e, string mnemonic> : EnumAttr<Ds_Dialect, e, mnemonic>;
// One that stands in an attribute dictionary: `kind = #ds.pool_kind<max>`.
class Ds_DictEnumAttr<EnumAttrInfo e, string mnemonic> : Ds_EnumAttr<e, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def Ds_ReduceKind : Ds_Enum<"ReduceKind", ["sum", "prod", "max", "min"]>;
def Ds_ReduceKindAttr : Ds_EnumAttr<Ds_ReduceKind, "reduce_kind">;
def Ds_ScatterKind : Ds_Enum<"ScatterKind", ["set", "add", "mul", "max", "min"]>;
def Ds_ScatterKindAttr : Ds_DictEnumAttr<Ds_ScatterKind, "scatter_kind">;
def Ds_PadMode : Ds_Enum<"PadMode", ["constant", "reflect", "edge", "wrap"]>;
def Ds_PadModeAttr : Ds_EnumAttr<Ds_PadMode, "pad_mode">;
def Ds_PoolKind : Ds_Enum<"PoolKind", ["max", "avg", "lp"]>;
def Ds_PoolKindAttr : Ds_DictEnumAttr<Ds_PoolKind, "pool_kind">;
def Ds_NormKind : Ds_Enum<"NormKind", ["layer", "rms"]>;
def Ds_NormKindAttr : Ds_EnumAttr<Ds_NormKind, "norm_kind">;
def Ds_ResizeMode : Ds_Enum<"ResizeMode", ["nearest", "linear", "cubic"]>;
def Ds_ResizeModeAttr : Ds_EnumAttr<Ds_ResizeMode, "resize_mode">;
def Ds_Coordinates : Ds_Enum<"Coordinates", ["half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_crop_and_resize"]>;
def Ds_CoordinatesAttr : Ds_DictEnumAttr<Ds_Coordinates, "coordinates">;
def Ds_NearestMode : Ds_Enum<"NearestMode", ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]>;
def Ds_NearestModeAttr : Ds_DictEnumAttr<Ds_NearestMode, "nearest_mode">;
#endif
