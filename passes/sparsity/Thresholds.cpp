// Thresholds as JSON: {"format", "samples", "sites": [...], "levels": [{"target", "sparsity", "thresholds": {site: t}, "site_sparsity": {...}}]}.
#include "passes/sparsity/Thresholds.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace mlir::ds;
namespace json = llvm::json;

static constexpr StringLiteral kFormat = "ds-gates-1";

LogicalResult mlir::ds::writeGates(StringRef path, const GateFile &file, std::string &message) {
  std::error_code error;
  llvm::raw_fd_ostream os(path, error);
  if (error) {
    message = (path + ": " + error.message()).str();
    return failure();
  }
  json::OStream out(os, 1);
  out.object([&] {
    out.attribute("format", kFormat);
    out.attribute("samples", file.samples);
    out.attributeArray("sites", [&] {
      for (const GateSite &site : file.sites)
        out.value(json::Object{{"name", site.name}, {"features", site.features}, {"weights", site.weights}});
    });
    out.attributeArray("levels", [&] {
      for (const GateLevel &level : file.levels) {
        json::Object thresholds, sparsities;
        for (const auto &site : level.sites) {
          thresholds[site.getKey()] = site.getValue().threshold;
          sparsities[site.getKey()] = site.getValue().sparsity;
        }
        out.value(json::Object{{"target", level.target}, {"sparsity", level.sparsity}, {"thresholds", std::move(thresholds)},
                               {"site_sparsity", std::move(sparsities)}});
      }
    });
  });
  os << "\n";
  return success();
}

// Every threshold of a level, or what is wrong with it.
static FailureOr<GateLevel> parseLevel(const json::Object &object, std::string &message) {
  GateLevel level;
  level.target = object.getNumber("target").value_or(0);
  level.sparsity = object.getNumber("sparsity").value_or(0);
  const json::Object *thresholds = object.getObject("thresholds"), *sparsities = object.getObject("site_sparsity");
  message = "a level without thresholds or site_sparsity";
  if (!thresholds || !sparsities)
    return failure();
  for (const auto &[site, value] : *thresholds) {
    std::optional<double> threshold = value.getAsNumber(), sparsity = sparsities->getNumber(site);
    message = "the threshold of '" + site.str() + "' must be a number that is finite and not negative, and its sparsity lie between 0 and 1";
    if (!threshold || !sparsity || !(*threshold >= 0 && std::isfinite(*threshold)) || !(*sparsity >= 0 && *sparsity <= 1))
      return failure();
    level.sites[site.str()] = {*threshold, *sparsity};
  }
  return level;
}

FailureOr<GateLevel> mlir::ds::readGates(StringRef path, double target, std::string &message) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer) {
    message = (path + ": " + buffer.getError().message()).str();
    return failure();
  }
  llvm::Expected<json::Value> parsed = json::parse((*buffer)->getBuffer());
  if (!parsed) {
    message = (path + ": " + llvm::toString(parsed.takeError())).str();
    return failure();
  }
  const json::Object *root = parsed->getAsObject();
  const json::Array *levels = root && root->getString("format") == kFormat ? root->getArray("levels") : nullptr;
  const json::Object *best = nullptr;
  auto distance = [&](const json::Object &o) { return std::fabs(o.getNumber("target").value_or(INFINITY) - target); };
  for (size_t i = 0; levels && i < levels->size(); ++i)
    if (const json::Object *level = (*levels)[i].getAsObject(); level && (!best || distance(*level) < distance(*best)))
      best = level;
  if (!best) {
    message = (path + ": is no file of thresholds (" + kFormat + ") with levels").str();
    return failure();
  }
  FailureOr<GateLevel> level = parseLevel(*best, message);
  if (failed(level))
    message = (path + ": " + message).str();
  return level;
}
