// See Report.h.
#include "tools/ds-run/Report.h"
#include "tools/runner/Json.h"
#include <algorithm>
#include <cinttypes>

using namespace ds::tools;

// ---- --describe ----

static std::string dimText(const ds_dim_info &dim) {
  if (dim.size >= 0)
    return std::to_string(dim.size);
  std::string text = *dim.symbol ? dim.symbol : "?";
  if (dim.lo > 0 || dim.hi < INT64_MAX)
    text += ":" + std::to_string(dim.lo) + ".." + (dim.hi < INT64_MAX ? std::to_string(dim.hi) : "");
  return text;
}

static std::string valueJson(const ds_value_info &value) {
  std::string dims;
  for (uint32_t i = 0; i < value.rank; ++i) {
    const ds_dim_info &dim = value.dims[i];
    JsonObject object;
    object.raw("size", std::to_string(dim.size)).add("symbol", dim.symbol);
    object.raw("lo", std::to_string(dim.lo)).raw("hi", std::to_string(dim.hi));
    dims += (i ? ", " : "") + object.str();
  }
  return JsonObject().add("name", value.name).add("type", ds_type_name(value.type)).raw("dims", "[" + dims + "]").str();
}

static void printValue(const char *kind, const ds_value_info &value) {
  std::string dims;
  for (uint32_t i = 0; i < value.rank; ++i)
    dims += (i ? ", " : "") + dimText(value.dims[i]);
  std::printf("  %-7s %s: %s[%s]\n", kind, value.name, ds_type_name(value.type), dims.c_str());
}

void ds::tools::printDescription(const ds_model *model, bool json) {
  std::string isas, inputs, outputs;
  for (uint32_t i = 0; const char *isa = ds_model_isa(model, i); ++i)
    isas += (i ? ", " : "") + (json ? jsonString(isa) : std::string(isa));
  for (uint32_t i = 0; const ds_value_info *value = ds_model_input(model, i); ++i)
    inputs += (i ? ", " : "") + valueJson(*value);
  for (uint32_t i = 0; const ds_value_info *value = ds_model_output(model, i); ++i)
    outputs += (i ? ", " : "") + valueJson(*value);
  if (json) {
    JsonObject object;
    object.add("model", ds_model_name(model)).raw("inputs", "[" + inputs + "]").raw("outputs", "[" + outputs + "]");
    object.raw("isas", "[" + isas + "]").raw("weights", std::to_string(ds_model_weight_count(model)));
    object.raw("weight_bytes", std::to_string(ds_model_weight_bytes(model)));
    std::printf("%s\n", object.str().c_str());
    return;
  }
  std::printf("%s: code for %s; %u weights, %" PRIu64 " bytes\n", ds_model_name(model), isas.c_str(),
              ds_model_weight_count(model), ds_model_weight_bytes(model));
  for (uint32_t i = 0; const ds_value_info *value = ds_model_input(model, i); ++i)
    printValue("input", *value);
  for (uint32_t i = 0; const ds_value_info *value = ds_model_output(model, i); ++i)
    printValue("output", *value);
}

// ---- One case ----

int Outcome::code() const {
  bool equal = std::all_of(differences.begin(), differences.end(), [](const Difference &d) { return d.ok(); });
  return exit == Ok && !equal ? Failed : exit;
}

static std::string statusOf(const Outcome &outcome) {
  if (outcome.exit == NotSupported)
    return "unsupported";
  if (outcome.exit != Ok)
    return "error";
  return outcome.code() == Ok ? "ok" : "wrong";
}

static std::string outputJson(const HostTensor &tensor, const Difference *d) {
  std::string dims;
  for (int64_t dim : tensor.dims)
    dims += (dims.empty() ? "" : ", ") + std::to_string(dim);
  JsonObject object;
  object.add("name", tensor.name).add("type", ds_type_name(tensor.type)).raw("dims", "[" + dims + "]");
  if (d && !d->mismatch.empty())
    object.add("mismatch", d->mismatch);
  else if (d)
    object.add("max_abs", d->maxAbs)
        .add("relative", d->relative)
        .add("cosine", d->cosine)
        .add("wrong", double(d->wrong));
  return object.str();
}

// ---- --stats ----

bool ds::tools::readExpertUse(ds_session *session, std::vector<ExpertUse> &use, std::string &error) {
  for (uint32_t i = 0; i < ds_session_expert_sites(session); ++i) {
    ds_expert_counters counters;
    if (ds_session_expert_counters(session, i, &counters, nullptr, 0)) {
      error = ds_last_error();
      return false;
    }
    std::vector<uint64_t> rows(counters.experts);
    ds_session_expert_counters(session, i, &counters, rows.data(), counters.experts);
    use.push_back({counters.node, counters, rows});
  }
  return true;
}

static double meanRows(const ds_expert_counters &c) { return c.experts ? double(c.rows) / c.experts : 0; }

static std::string expertsJson(const std::vector<ExpertUse> &experts) {
  std::string all;
  for (const ExpertUse &use : experts) {
    const ds_expert_counters &c = use.counters;
    std::string rows;
    for (uint64_t r : use.rows)
      rows += (rows.empty() ? "" : ", ") + std::to_string(r);
    JsonObject object;
    object.add("node", use.node).raw("runs", std::to_string(c.runs)).raw("tokens", std::to_string(c.tokens)).raw("rows", "[" + rows + "]");
    object.add("mean_rows", meanRows(c)).add("balance", c.balance).add("max_violation", c.max_violation).add("entropy", c.entropy);
    object.raw("flops", std::to_string(c.flops)).raw("dense_flops", std::to_string(c.dense_flops));
    all += (all.empty() ? "" : ", ") + object.str();
  }
  return "[" + all + "]";
}

static void printExperts(const std::vector<ExpertUse> &experts) {
  if (experts.empty())
    std::printf("no mixture of experts ran\n");
  for (const ExpertUse &use : experts) {
    const ds_expert_counters &c = use.counters;
    std::printf("%s: %u experts, %" PRIu64 " tokens in %" PRIu64 " runs; rows per expert %" PRIu64 " / %.1f / %" PRIu64
                " (min, mean, max), balance %.3f, MaxVio %.3f, entropy %.3f; %.4g GFLOP, %.1f%% of the dense %.4g\n",
                use.node.c_str(), c.experts, c.tokens, c.runs, c.min_rows, meanRows(c), c.max_rows, c.balance, c.max_violation, c.entropy,
                1e-9 * double(c.flops), c.dense_flops ? 100.0 * double(c.flops) / double(c.dense_flops) : 0.0, 1e-9 * double(c.dense_flops));
  }
}

std::string Outcome::json() const {
  JsonObject object;
  object.add("status", statusOf(*this));
  if (exit != Ok)
    return object.add("error", error).str();
  object.add("compile_s", compiled.seconds).raw("cached", compiled.cached ? "true" : "false");
  object.add("load_s", loadSeconds).add("isa", isa).add("threads", threads);
  std::string times, tensors;
  for (double s : seconds)
    times += (times.empty() ? "" : ", ") + jsonNumber(s);
  for (size_t i = 0; i < outputs.size(); ++i)
    tensors += (i ? ", " : "") + outputJson(outputs[i], i < differences.size() ? &differences[i] : nullptr);
  object.raw("seconds", "[" + times + "]").raw("outputs", "[" + tensors + "]");
  if (stats)
    object.raw("experts", expertsJson(experts));
  return object.str();
}

static void printTensor(const HostTensor &tensor) {
  std::printf("%s: %s", tensor.name.c_str(), tensor.typeText().c_str());
  constexpr uint64_t shown = 6;
  for (uint64_t i = 0; i < std::min(tensor.count(), shown); ++i)
    std::printf(" %.6g", tensor.at(i));
  std::printf("%s\n", tensor.count() > shown ? " ..." : "");
}

void Outcome::print() const {
  for (size_t i = 0; i < outputs.size(); ++i) {
    printTensor(outputs[i]);
    if (i >= differences.size())
      continue;
    const Difference &d = differences[i];
    if (!d.mismatch.empty())
      std::printf("  DIFFERENT: %s\n", d.mismatch.c_str());
    else
      std::printf("  %s: max |a-b| %.3g, / max |b| %.3g, cosine %.7f, %" PRIu64 " elements beyond the tolerance\n",
                  d.ok() ? "equal" : "DIFFERENT", d.maxAbs, d.relative, d.cosine, d.wrong);
  }
  if (stats)
    printExperts(experts);
  if (seconds.empty())
    return;
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  std::printf("%zu runs, %d threads, %s: median %.3f ms, fastest %.3f ms, slowest %.3f ms\n", sorted.size(), threads,
              isa.c_str(), 1e3 * sorted[sorted.size() / 2], 1e3 * sorted.front(), 1e3 * sorted.back());
}
