// include/ds/runtime.h on the models of images.c.
#include "test/unit/runtime/Models.h"
#include <cmath>
#include <gtest/gtest.h>
#include <thread>

using namespace test;

TEST(Run, DescribesTheModel) {
  Model m = open(packModel("add"));
  EXPECT_STREQ(ds_model_name(m.get()), "add");
  ASSERT_EQ(ds_model_input_count(m.get()), 1u);
  const ds_value_info *x = ds_model_input(m.get(), 0);
  EXPECT_STREQ(x->name, "x");
  EXPECT_EQ(x->type, DS_F32);
  ASSERT_EQ(x->rank, 2u);
  EXPECT_EQ(x->dims[0].size, -1);
  EXPECT_STREQ(x->dims[0].symbol, "batch");
  EXPECT_EQ(x->dims[0].hi, 1000);
  EXPECT_EQ(x->dims[1].size, 4);
  EXPECT_EQ(ds_model_input(m.get(), 1), nullptr);
  EXPECT_STREQ(ds_model_isa(m.get(), 0), "x86-64");
  EXPECT_EQ(ds_model_weight_bytes(m.get()), 16u);
}

TEST(Run, SymbolicAxesOneBinarySeveralShapes) {
  Session s = session(open(packModel("add")));
  for (int64_t n : {3, 0, 1, 200, 3}) {
    std::vector<float> x(size_t(n * 4)), z(size_t(n * 4));
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(i);
    ds_tensor in = tensor(DS_F32, {n, 4}, x), shape = {}, out = tensor(DS_F32, {}, z), own = {};
    ASSERT_EQ(ds_session_output_shapes(s.get(), &in, 1, &shape, 1), DS_SUCCESS) << ds_last_error();
    EXPECT_EQ(shape.dims[0], n);
    EXPECT_EQ(shape.bytes, x.size() * 4);
    if (n == 0)
      out.data = nullptr;
    ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS) << ds_last_error();
    ASSERT_EQ(ds_session_run(s.get(), &in, 1, &own, 1), DS_SUCCESS) << ds_last_error();
    ASSERT_EQ(own.rank, 2u);
    EXPECT_EQ(own.dims[0], n);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_EQ(z[i], (x[i] + float(i % 4 + 1)) * 2);
      EXPECT_EQ(static_cast<float *>(own.data)[i], z[i]);
    }
  }
}

TEST(Run, MorePlansThanTheCacheHolds) {
  Session s = session(open(packModel("add")));
  for (int64_t n = 1; n < 100; ++n) {
    std::vector<float> x(size_t((n % 37) * 4), 1.f);
    ds_tensor in = tensor(DS_F32, {n % 37, 4}, x), out = {};
    ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS) << ds_last_error();
    EXPECT_EQ(out.dims[0], n % 37);
  }
}

TEST(Run, ScalarsAndFailuresThatNameTheNode) {
  Session s = session(open(packModel("gather")));
  std::vector<float> x = {1, 2, 3};
  std::vector<int64_t> i = {2};
  ds_tensor in[] = {tensor(DS_F32, {3}, x), tensor(DS_I64, {}, i)}, out = {};
  ASSERT_EQ(ds_session_run(s.get(), in, 2, &out, 1), DS_SUCCESS) << ds_last_error();
  EXPECT_EQ(out.rank, 0u);
  EXPECT_EQ(*static_cast<float *>(out.data), 3);
  i[0] = 7;
  EXPECT_EQ(ds_session_run(s.get(), in, 2, &out, 1), DS_ERR_MODEL);
  EXPECT_STREQ(ds_last_error(), "node 'pick_1' (Gather): index 7 is out of range for size 3");
  i[0] = 0;
  EXPECT_EQ(ds_session_run(s.get(), in, 2, &out, 1), DS_SUCCESS);
}

TEST(Run, ImagesFindTheMathematicsLibrary) {
  Session s = session(open(packModel("math")));
  std::vector<double> x = {2};
  ds_tensor in = tensor(DS_F64, {}, x), out = {};
  ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS) << ds_last_error();
  EXPECT_EQ(*static_cast<double *>(out.data), 8);
}

TEST(Run, SizesThatDependOnData) {
  Session s = session(open(packModel("positive")));
  std::vector<float> x = {-1, 2, 0, 5, 7}, z(3);
  ds_tensor in = tensor(DS_F32, {5}, x), out = {}, given = tensor(DS_F32, {}, z);
  ASSERT_EQ(ds_session_output_shapes(s.get(), &in, 1, &out, 1), DS_SUCCESS);
  EXPECT_EQ(out.dims[0], -1);
  EXPECT_EQ(out.bytes, UINT64_MAX);
  ASSERT_EQ(ds_session_run(s.get(), &in, 1, &given, 1), DS_SUCCESS) << ds_last_error();
  EXPECT_EQ(given.dims[0], 3);
  EXPECT_EQ(z, (std::vector<float>{2, 5, 7}));
  out = {};
  ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS);
  in.dims[0] = 4;
  ds_tensor shape = {};
  ASSERT_EQ(ds_session_output_shapes(s.get(), &in, 1, &shape, 1), DS_SUCCESS);
  EXPECT_EQ(static_cast<float *>(out.data)[2], 7.f) << "asking for shapes must not free a run's outputs";
  in.dims[0] = 5;
  given.bytes = 8;
  EXPECT_EQ(ds_session_run(s.get(), &in, 1, &given, 1), DS_ERR_CAPACITY);
  EXPECT_EQ(given.bytes, 12u);
  out = {};
  x = {-1, -1, -1, -1, -1};
  ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS);
  EXPECT_EQ(out.dims[0], 0);
  EXPECT_NE(out.data, nullptr);
}

TEST(Run, ThreadsGiveTheSameResults) {
  Model m = open(packModel("rowsum"));
  std::vector<float> x(97 * 33), expected;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::sin(float(i));
  for (int32_t threads : {1, 2, 5}) {
    Session s = session(m, threads);
    EXPECT_EQ(ds_session_threads(s.get()), threads);
    for (int round = 0; round < 50; ++round) {
      std::vector<float> z(97);
      ds_tensor in = tensor(DS_F32, {97, 33}, x), out = tensor(DS_F32, {}, z);
      ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS) << ds_last_error();
      if (expected.empty())
        expected = z;
      EXPECT_EQ(z, expected);
    }
  }
}

TEST(Run, FailureInALoopOrInThePlan) {
  Session s = session(open(packModel("rowsum")), 2);
  std::vector<float> x(64, NAN);
  ds_tensor in = tensor(DS_F32, {16, 4}, x), out = {};
  EXPECT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_ERR_MODEL);
  EXPECT_EQ(std::string(ds_last_error()).rfind("node 'first' (Sum): value ", 0), 0u);
  in = tensor(DS_F32, {1, 13}, x);
  EXPECT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_ERR_MODEL);
  EXPECT_STREQ(ds_last_error(), "node 'first' (Sum): sizes 13 and 12 do not fit together");
}

TEST(Run, CountsExperts) {
  Session s = session(open(packModel("experts")));
  EXPECT_EQ(ds_session_expert_sites(s.get()), 0u);
  auto run = [&](std::vector<float> x) {
    ds_tensor in = tensor(DS_F32, {int64_t(x.size())}, x), out = {};
    ASSERT_EQ(ds_session_run(s.get(), &in, 1, &out, 1), DS_SUCCESS) << ds_last_error();
  };
  run({0, 0, 0, 1, 3, 3});
  run({0, 1});
  ASSERT_EQ(ds_session_expert_sites(s.get()), 2u);
  ds_expert_counters c;
  uint64_t rows[5] = {9, 9, 9, 9, 9};
  ASSERT_EQ(ds_session_expert_counters(s.get(), 0, &c, rows, 5), DS_SUCCESS);
  EXPECT_STREQ(c.node, "node 'pick_1' (Gather)");
  EXPECT_EQ(std::vector<uint64_t>(rows, rows + 5), (std::vector<uint64_t>{4, 2, 0, 2, 9}));
  EXPECT_EQ(std::vector<uint64_t>({c.experts, c.runs, c.tokens, c.rows, c.min_rows, c.max_rows, c.flops, c.dense_flops}),
            std::vector<uint64_t>({4, 2, 8, 8, 0, 4, 80, 320}));
  EXPECT_NEAR(c.balance, std::sqrt(2.0) / 2, 1e-12);
  EXPECT_NEAR(c.max_violation, 1, 1e-12);
  EXPECT_NEAR(c.entropy, 0.75, 1e-12);
  ASSERT_EQ(ds_session_expert_counters(s.get(), 1, &c, nullptr, 0), DS_SUCCESS);
  EXPECT_EQ(c.experts, 1u);
  EXPECT_EQ(c.entropy, 1);
  EXPECT_EQ(ds_session_expert_counters(s.get(), 2, &c, nullptr, 0), DS_ERR_ARGUMENT);
  ds_session_reset_counters(s.get());
  ASSERT_EQ(ds_session_expert_counters(s.get(), 0, &c, rows, 4), DS_SUCCESS);
  EXPECT_EQ(c.runs + c.rows + c.max_rows + c.flops + rows[0], 0u);
  EXPECT_EQ(c.balance, 0);
}

TEST(Run, ManySessionsOfManyModelsAtOnce) {
  Model models[] = {open(packModel("rowsum")), open(packModel("add"))};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      Session s = session(models[t % 2], 1 + t % 3);
      for (int64_t n = 1; n < 60; ++n) {
        std::vector<float> x(size_t(n * 4), 1.f);
        ds_tensor in = tensor(DS_F32, {n, 4}, x), out = {};
        if (ds_session_run(s.get(), &in, 1, &out, 1) || *static_cast<float *>(out.data) != 4.f)
          ++wrong;
      }
    });
  Session shared = session(models[0], 2);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int64_t n = 1; n < 60; ++n) {
        std::vector<float> x(size_t(n * 4), 1.f), z(static_cast<size_t>(n));
        ds_tensor in = tensor(DS_F32, {n, 4}, x), out = tensor(DS_F32, {}, z);
        if (ds_session_run(shared.get(), &in, 1, &out, 1) || z.back() != 4.f)
          ++wrong;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Run, RefusesWrongRequests) {
  Model m = open(packModel("add"));
  Session s = session(m);
  std::vector<float> x(8), z(8);
  auto run = [&](ds_tensor in, ds_tensor out, uint32_t inputs = 1) {
    return ds_session_run(s.get(), &in, inputs, &out, 1);
  };
  ds_tensor in = tensor(DS_F32, {2, 4}, x), out = tensor(DS_F32, {}, z);
  ASSERT_EQ(run(in, out), DS_SUCCESS);
  struct {
    const char *message;
    ds_tensor in;
  } wrong[] = {{"input 'x' has type i32, the model expects f32", tensor(DS_I32, {2, 4}, x)},
               {"input 'x' has rank 1, the model expects 2", tensor(DS_F32, {8}, x)},
               {"input 'x', axis 1: size 2, the model expects 4", tensor(DS_F32, {4, 2}, x)},
               {"input 'x', axis 0 (batch): size 1001 is not in 0..1000", tensor(DS_F32, {1001, 4}, x)},
               {"input 'x', axis 0 (batch): size -1 is not in 0..1000", tensor(DS_F32, {-1, 4}, x)},
               {"input 'x': 32 bytes given, its dims need 48", tensor(DS_F32, {3, 4}, x)}};
  for (auto &w : wrong) {
    EXPECT_EQ(run(w.in, out), DS_ERR_ARGUMENT);
    EXPECT_STREQ(ds_last_error(), w.message);
  }
  EXPECT_EQ(run(in, out, 0), DS_ERR_ARGUMENT);
  out.bytes = 31;
  EXPECT_EQ(run(in, out), DS_ERR_CAPACITY);
  EXPECT_STREQ(ds_last_error(), "output 'z' needs 32 bytes, its buffer has 31");
  ds_session *none;
  EXPECT_EQ(ds_session_create(m.get(), -1, &none), DS_ERR_ARGUMENT);
  EXPECT_EQ(none, nullptr);
}
