// Taking textual pass pipelines apart at the commas outside of brackets.
#include "lib/eval/PipelineText.h"

using namespace mlir;
using namespace mlir::ds;

FailureOr<SmallVector<PipelineElement>> mlir::ds::splitPipeline(StringRef text) {
  SmallVector<PipelineElement> elements;
  while (!text.trim(" ,").empty()) {
    text = text.ltrim(" ,");
    // The element ends at a comma of depth 0; `open` is its first round bracket that is not within options.
    int round = 0, curly = 0;
    size_t end = 0, open = StringRef::npos;
    for (; end < text.size() && (text[end] != ',' || round || curly); ++end) {
      if (text[end] == '(' && !curly && !round++)
        open = std::min(open, end);
      round -= text[end] == ')' && !curly;
      curly += text[end] == '{';
      curly -= text[end] == '}';
    }
    if (round || curly)
      return failure();
    PipelineElement element;
    StringRef part = text.take_front(end).trim();
    element.isOpPipeline = open != StringRef::npos;
    element.name = part.take_front(open).trim();
    if (element.isOpPipeline) {
      auto nested = splitPipeline(part.drop_front(open + 1).drop_back());
      if (failed(nested))
        return failure();
      element.nested.assign(nested->begin(), nested->end());
    }
    elements.push_back(std::move(element));
    text = text.drop_front(end);
  }
  return elements;
}
