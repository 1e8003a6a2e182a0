// The programs as a user calls them.
#include "test/unit/runtime/Models.h"
#include "tools/runner/Formats.h"
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace test;
using ds::tools::HostTensor;

namespace {

struct Result {
  int exit;
  std::string out, err;
};

Result run(const std::string &command) {
  std::string out = temporaryPath("stdout"), err = temporaryPath("stderr");
  int status = std::system((std::string(BIN_DIR) + "/" + command + " >" + out + " 2>" + err).c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, readFile(out), readFile(err)};
}

void writeBytes(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
}

HostTensor floats(const std::vector<int64_t> &dims, const std::vector<float> &values) {
  HostTensor t;
  std::string error;
  EXPECT_TRUE(t.allocate(DS_F32, dims, error));
  std::memcpy(t.data.get(), values.data(), t.bytes);
  return t;
}

// A folder with inputs of `add` and one with what it makes of them.
struct AddCase {
  std::string model = packModel("add"), in = temporaryPath("in"), expected = temporaryPath("expected"),
              out = temporaryPath("out");
  AddCase() {
    std::filesystem::create_directories(in);
    std::filesystem::create_directories(expected);
    writeBytes(in + "/input_0.npy", ds::tools::formatNpy(floats({1, 4}, {1, 2, 3, 4})));
    writeBytes(expected + "/output_0.pb", ds::tools::formatTensorProto(floats({1, 4}, {4, 8, 12, 16})));
  }
};

} // namespace

TEST(DsRun, RunsComparesAndWrites) {
  AddCase c;
  std::string files = " --inputs " + c.in + " --outputs " + c.out;
  Result r = run("ds-run --model " + c.model + files + " --expect " + c.expected + " --threads 1");
  EXPECT_EQ(r.exit, 0) << r.err;
  EXPECT_NE(r.out.find("z: f32[1x4] 4 8 12 16\n  equal"), std::string::npos) << r.out;
  HostTensor z;
  std::string error;
  ASSERT_TRUE(ds::tools::parseNpy(readFile(c.out + "/output_0.npy"), DS_F32, z, error)) << error;
  EXPECT_EQ(z.at(3), 16);
  writeBytes(c.expected + "/output_0.pb", ds::tools::formatTensorProto(floats({1, 4}, {4, 8, 12, 17})));
  r = run("ds-run " + c.model + files + " --json --expect=" + c.expected);
  EXPECT_EQ(r.exit, 1);
  EXPECT_NE(r.out.find("\"max_abs\": 1,"), std::string::npos) << r.out;
}

TEST(DsRun, RandomInputsAreAlwaysTheSame) {
  std::string model = packModel("add");
  Result a = run("ds-run " + model + " --random --dim batch=3"), b = run("ds-run " + model + " --random --dim=batch=3");
  EXPECT_EQ(a.exit, 0) << a.err;
  EXPECT_EQ(a.out, b.out);
  EXPECT_EQ(a.out.rfind("z: f32[3x4] ", 0), 0u) << a.out;
}

TEST(DsRun, DescribesAndVerifies) {
  std::string model = packModel("add");
  Result r = run("ds-run " + model + " --describe");
  EXPECT_EQ(r.out, "add: code for x86-64; 1 weights, 16 bytes\n  input   x: f32[batch:0..1000, 4]\n"
                   "  output  z: f32[batch, 4]\n");
  EXPECT_EQ(run("ds-run --verify " + model).exit, 0);
  std::string bytes = readFile(model);
  bytes.back() ^= 1;
  writeBytes(model, bytes);
  EXPECT_EQ(run("ds-run --describe " + model).exit, 0);
  r = run("ds-run --verify " + model);
  EXPECT_EQ(r.exit, 1);
  EXPECT_EQ(r.err, "ds-run: the package is damaged: weight 0 does not match its checksum\n");
}

TEST(DsRun, OneLinePerError) {
  AddCase c;
  std::string gather = packModel("gather");
  std::ofstream(c.in + "/i.txt") << "no tensor";
  for (const std::string &arguments :
       {std::string("/no/such/model.dsm"), c.model, c.model + " --inputs /no/such/folder", c.model + " --frobnicate",
        c.model + " --threads none", c.model + " --input x=" + c.in + "/i.txt", std::string(""),
        c.model + " --random --dim batch=2000", gather + " --inputs " + c.in, std::string("--batch /no/such/list")}) {
    Result r = run("ds-run " + arguments);
    EXPECT_EQ(r.exit, 1) << arguments;
    EXPECT_EQ(r.err.rfind("ds-run: ", 0), 0u) << r.err;
    EXPECT_EQ(std::count(r.err.begin(), r.err.end(), '\n'), 1) << r.err;
  }
}

TEST(DsRun, BatchIsolatesItsCases) {
  AddCase c;
  std::string list = temporaryPath("list");
  std::ofstream(list) << "# a comment\n"
                      << c.model << " " << c.in << " - " << c.expected << "\n/no/such.dsm - -\n"
                      << c.model << " " << c.in << " " << c.out << "\n";
  Result r = run("ds-run --jobs 2 --batch " + list);
  EXPECT_EQ(r.exit, 1);
  ASSERT_EQ(std::count(r.out.begin(), r.out.end(), '\n'), 3) << r.out;
  EXPECT_EQ(r.out.find("\"status\": \"ok\""), r.out.find("\"status\"")) << r.out;
  EXPECT_NE(r.out.find("{\"model\": \"/no/such.dsm\", \"status\": \"error\""), std::string::npos) << r.out;
}

TEST(DsRun, BatchSurvivesCrashesAndHangs) {
  AddCase c;
  std::string bad = packModel("bad"), list = temporaryPath("list");
  std::ofstream lines(list);
  for (int64_t n : {1, 2, 3}) {
    std::string in = temporaryPath("n" + std::to_string(n));
    std::filesystem::create_directories(in);
    writeBytes(in + "/input_0.npy", ds::tools::formatNpy(floats({n}, std::vector<float>(size_t(n)))));
    lines << bad << " " << in << "\n";
  }
  lines.close();
  Result r = run("ds-run --timeout 1 --jobs 3 --batch " + list);
  EXPECT_EQ(r.exit, 1);
  size_t crash = r.out.find("\"status\": \"crash\""), late = r.out.find("\"status\": \"timeout\"");
  EXPECT_LT(crash, late) << r.out;
  EXPECT_LT(late, r.out.find("\"status\": \"ok\"")) << r.out;
}

// A stand-in for the compiler beside a copy of ds-run: what it says and how it ends must come through.
TEST(DsRun, CompilesOnnxIntoTheCache) {
  AddCase c;
  std::string folder = temporaryPath("bin"), onnx = temporaryPath("m.onnx"), log = temporaryPath("log");
  std::filesystem::create_directories(folder);
  std::filesystem::copy(std::string(BIN_DIR) + "/ds-run", folder + "/ds-run");
  auto compiler = [&](const std::string &script) {
    writeBytes(folder + "/ds-compile", "#!/bin/sh\necho $# >>" + log + "\n" + script);
    std::filesystem::permissions(folder + "/ds-compile", std::filesystem::perms::owner_all);
  };
  auto call = [&](const std::string &arguments) {
    std::string out = temporaryPath("stdout"), err = temporaryPath("stderr");
    int status = std::system(("DS_CACHE=" + temporaryPath("cache") + " " + folder + "/ds-run " + onnx + " --json " +
                              arguments + " >" + out + " 2>" + err)
                                 .c_str());
    return Result{WEXITSTATUS(status), readFile(out), readFile(err)};
  };
  writeBytes(onnx, "model");
  compiler("cp " + c.model + " $3\n");
  EXPECT_EQ(call("--random").exit, 0);
  EXPECT_NE(call("--random").out.find("\"cached\": true"), std::string::npos);
  EXPECT_EQ(readFile(log), "3\n");
  EXPECT_EQ(call("--random --compile-flag=--cpu=avx2").exit, 0);
  EXPECT_EQ(readFile(log), "3\n4\n");
  compiler("echo warning >&2; echo \"not supported: node 'x' (Foo)\" >&2; exit 3\n");
  Result r = call("--random");
  EXPECT_EQ(r.exit, 3);
  EXPECT_EQ(r.err, "ds-run: not supported: node 'x' (Foo)\n");
  compiler("kill -SEGV $$\n");
  r = call("--random");
  EXPECT_EQ(r.exit, 1);
  EXPECT_NE(r.err.find("ds-compile crashed on"), std::string::npos) << r.err;
}

TEST(DsBench, AnswersEachLineWithTimes) {
  AddCase c;
  std::string requests = temporaryPath("requests");
  writeBytes(requests, "3\n1\n");
  Result r =
      run("ds-bench --model " + c.model + " --threads 2 --inputs " + c.in + " --outputs " + c.out + " <" + requests);
  EXPECT_EQ(r.exit, 0) << r.err;
  EXPECT_EQ(r.out.rfind("{\"ready\": 1, \"load_s\": ", 0), 0u) << r.out;
  EXPECT_EQ(std::count(r.out.begin(), r.out.end(), '\n'), 3) << r.out;
  EXPECT_EQ(std::count(r.out.begin(), r.out.end(), '['), 2) << r.out;
  EXPECT_TRUE(std::filesystem::exists(c.out + "/output_0.npy"));
}

#ifdef PYTHON
TEST(Python, RunsModels) {
  std::string folder = std::filesystem::path(packModel("add")).parent_path(), log = temporaryPath("log");
  packModel("gather");
  packModel("experts");
  EXPECT_EQ(std::system((std::string(PYTHON) + " " + folder + " >" + log + " 2>&1").c_str()), 0) << readFile(log);
  for (const char *npz : {"/compressed.npz", "/stored.npz"})
    EXPECT_EQ(run("ds-run " + folder + "/add.dsm --inputs " + folder + npz).out, "z: f32[2x4] 2 6 10 14 10 14 ...\n");
}
#endif
