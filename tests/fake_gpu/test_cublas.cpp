// cuBLAS against the definition of a matrix product.
#include <cublas_v2.h>

#include <cmath>
#include <cstring>
#include <thread>

#include "tests/fake_gpu/test_support.h"

namespace fake_gpu::testing {
namespace {

class Blas {
 public:
  Blas() { require(cublasCreate(&handle_) == CUBLAS_STATUS_SUCCESS); }
  ~Blas() { cublasDestroy(handle_); }
  operator cublasHandle_t() const { return handle_; }

 private:
  cublasHandle_t handle_ = nullptr;
};

constexpr float kOne = 1, kZero = 0;

cublasStatus_t product(cublasHandle_t blas, int m, int n, int k, const float* a, int lda,
                       const float* b, int ldb, float* c, int ldc) {
  return cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &kOne, a, lda, b, ldb, &kZero, c,
                     ldc);
}

const AddBroken added(
    "cublas", {
                  {"host pointer", "cublasSgemm: reads",
                   [] {
                     const Blas blas;
                     const Floats b(16), c(16);
                     const std::vector<float> a(16);
                     product(blas, 4, 4, 4, a.data(), 4, b.get(), 4, c.get(), 4);
                     cudaDeviceSynchronize();
                   }},
                  {"a matrix is smaller than said", "past the end of the allocation of 64 bytes",
                   [] {
                     const Blas blas;
                     const Floats a(16), b(16), c(32);
                     product(blas, 4, 8, 4, a.get(), 4, b.get(), 4, c.get(), 4);
                     cudaDeviceSynchronize();
                   }},
                  {"the output is smaller than said", "cublasSgemm: writes",
                   [] {
                     const Blas blas;
                     const Floats a(16), b(32), c(16);
                     product(blas, 4, 8, 4, a.get(), 4, b.get(), 4, c.get(), 4);
                     cudaDeviceSynchronize();
                   }},
                  {"nobody waits", "cublasSgemm: reads",
                   [] {
                     const Blas blas;
                     static const std::vector<float> a(16);
                     const Floats b(16), c(16);
                     product(blas, 4, 4, 4, a.data(), 4, b.get(), 4, c.get(), 4);
                   }},
                  {"two streams share a workspace", "which cublasSgemm on another stream writes",
                   [] {
                     const Stream one, two;
                     const Blas first, second;
                     const Floats a(16), b(16), c(16), d(16), workspace(1024);
                     cublasSetStream(first, one);
                     cublasSetStream(second, two);
                     cublasSetWorkspace(first, workspace.get(), 4096);
                     cublasSetWorkspace(second, workspace.get(), 4096);
                     product(first, 4, 4, 4, a.get(), 4, b.get(), 4, c.get(), 4);
                     product(second, 4, 4, 4, a.get(), 4, b.get(), 4, d.get(), 4);
                     cudaDeviceSynchronize();
                   }},
                  {"a call that is not faked", "cublasSaxpy_v2 is not faked",
                   [] {
                     const Blas blas;
                     const Floats x(4), y(4);
                     std::exit(cublasSaxpy(blas, 4, &kOne, x.get(), 1, y.get(), 1));
                   }},
              });

TEST_CASE("broken: cublas") { check_broken("cublas"); }

// Column-major; whole numbers, so the result is exact.
struct Case {
  int m = 5, n = 7, k = 3;
  bool ta = false, tb = false;
  int lda() const { return (ta ? k : m) + 1; }
  int ldb() const { return (tb ? n : k) + 2; }
  int ldc() const { return m + 3; }
  size_t size_a() const { return lda() * (ta ? m : k); }
  size_t size_b() const { return ldb() * (tb ? k : n); }
  size_t size_c() const { return ldc() * n; }
  cublasOperation_t op_a() const { return ta ? CUBLAS_OP_T : CUBLAS_OP_N; }
  cublasOperation_t op_b() const { return tb ? CUBLAS_OP_T : CUBLAS_OP_N; }

  void expect(const float* a, const float* b, float alpha, float beta, float* c) const {
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < n; ++j) {
        float sum = 0;
        for (int p = 0; p < k; ++p)
          sum += a[ta ? p + i * lda() : i + p * lda()] * b[tb ? j + p * ldb() : p + j * ldb()];
        float& to = c[i + j * ldc()];
        to = alpha * sum + (beta == 0 ? 0 : beta * to);
      }
  }
};

TEST_CASE("Sgemm: every transposition, leading dimension and scaling") {
  const Blas blas;
  for (const bool ta : {false, true})
    for (const bool tb : {false, true})
      for (const float beta : {0.0f, -2.0f}) {
        const Case t{.ta = ta, .tb = tb};
        const auto a = whole_numbers(t.size_a(), 1), b = whole_numbers(t.size_b(), 2);
        auto c = beta == 0 ? std::vector<float>(t.size_c(), 99.0f) : whole_numbers(t.size_c(), 3);
        const Floats da(a), db(b), dc(c);
        const float alpha = 3;
        CHECK(cublasSgemm(blas, t.op_a(), t.op_b(), t.m, t.n, t.k, &alpha, da.get(), t.lda(),
                          db.get(), t.ldb(), &beta, dc.get(), t.ldc()) == CUBLAS_STATUS_SUCCESS);
        t.expect(a.data(), b.data(), alpha, beta, c.data());
        CHECK(dc.values() == c);
      }
}

TEST_CASE("Sgemm: an output of NaN is not read where beta is 0; a product of no terms") {
  const Blas blas;
  const Floats a(std::vector<float>(4, 1.0f)), c(4);
  CHECK(product(blas, 2, 2, 0, a.get(), 2, a.get(), 2, c.get(), 2) == CUBLAS_STATUS_SUCCESS);
  CHECK(c.values() == std::vector<float>(4, 0.0f));
  CHECK(product(blas, 2, 2, 2, a.get(), 2, a.get(), 2, c.get(), 2) == CUBLAS_STATUS_SUCCESS);
  CHECK(c.values() == std::vector<float>(4, 2.0f));
}

// Whole numbers as bfloat16: the upper half of a float.
std::vector<uint16_t> halves(const std::vector<float>& values) {
  std::vector<uint16_t> made(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(&made[i], reinterpret_cast<const char*>(&values[i]) + 2, 2);
  return made;
}

TEST_CASE("GemmEx: bfloat16 to float32 and to bfloat16") {
  const Blas blas;
  const Case t;
  const auto a = whole_numbers(t.size_a(), 1), b = whole_numbers(t.size_b(), 2);
  std::vector<float> c(t.size_c(), 0.0f);
  const auto half_a = halves(a), half_b = halves(b);
  const Floats da(t.size_a()), db(t.size_b()), dc(c), half(c);
  require(cudaMemcpy(da.get(), half_a.data(), half_a.size() * 2, cudaMemcpyHostToDevice));
  require(cudaMemcpy(db.get(), half_b.data(), half_b.size() * 2, cudaMemcpyHostToDevice));
  const auto run = [&](void* to, cudaDataType type, cublasComputeType_t compute) {
    return cublasGemmEx(blas, t.op_a(), t.op_b(), t.m, t.n, t.k, &kOne, da.get(), CUDA_R_16BF,
                        t.lda(), db.get(), CUDA_R_16BF, t.ldb(), &kZero, to, type, t.ldc(), compute,
                        CUBLAS_GEMM_DEFAULT);
  };
  CHECK(run(dc.get(), CUDA_R_32F, CUBLAS_COMPUTE_32F) == CUBLAS_STATUS_SUCCESS);
  CHECK(run(half.get(), CUDA_R_16BF, CUBLAS_COMPUTE_32F) == CUBLAS_STATUS_SUCCESS);
  CHECK(run(half.get(), CUDA_R_16F, CUBLAS_COMPUTE_32F) == CUBLAS_STATUS_NOT_SUPPORTED);
  t.expect(a.data(), b.data(), 1, 0, c.data());
  CHECK(dc.values() == c);
  const std::vector<float> read = half.values();
  const auto expected = halves(c);
  CHECK(std::memcmp(read.data(), expected.data(), expected.size() * 2) == 0);
}

TEST_CASE("GemmStridedBatchedEx: each product from its own place, the gaps untouched") {
  const Blas blas;
  const Case t{.ta = true};
  constexpr int kBatch = 3, kGap = 4;
  const size_t stride_a = t.size_a() + kGap, stride_b = t.size_b(), stride_c = t.size_c() + kGap;
  const auto a = whole_numbers(kBatch * stride_a, 1), b = whole_numbers(kBatch * stride_b, 2);
  auto c = whole_numbers(kBatch * stride_c, 3);
  const Floats da(a), db(b), dc(c);
  CHECK(cublasGemmStridedBatchedEx_64(
            blas, t.op_a(), t.op_b(), t.m, t.n, t.k, &kOne, da.get(), CUDA_R_32F, t.lda(), stride_a,
            db.get(), CUDA_R_32F, t.ldb(), stride_b, &kOne, dc.get(), CUDA_R_32F, t.ldc(), stride_c,
            kBatch, CUBLAS_COMPUTE_32F_PEDANTIC, CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
  for (int i = 0; i < kBatch; ++i)
    t.expect(&a[i * stride_a], &b[i * stride_b], 1, 1, &c[i * stride_c]);
  CHECK(dc.values() == c);
}

TEST_CASE("TF32 only where it is allowed") {
  const Blas blas;
  const float value = 1 + 0x1p-12f;  // two bits more than TF32 holds
  const Floats x({value}), one({1.0f}), y(1);
  const auto result = [&] {
    CHECK(product(blas, 1, 1, 1, x.get(), 1, one.get(), 1, y.get(), 1) == CUBLAS_STATUS_SUCCESS);
    return y.values()[0];
  };
  CHECK(result() == value);
  CHECK(cublasSetMathMode(blas, CUBLAS_TF32_TENSOR_OP_MATH) == CUBLAS_STATUS_SUCCESS);
  CHECK(result() == 1);
  CHECK(cublasSetMathMode(blas, CUBLAS_PEDANTIC_MATH) == CUBLAS_STATUS_SUCCESS);
  CHECK(result() == value);
  const auto fast = [&](cublasComputeType_t compute) {
    CHECK(cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &kOne, x.get(), CUDA_R_32F, 1,
                       one.get(), CUDA_R_32F, 1, &kZero, y.get(), CUDA_R_32F, 1, compute,
                       CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
    return y.values()[0];
  };
  CHECK(fast(CUBLAS_COMPUTE_32F_FAST_TF32) == 1);
  CHECK(fast(CUBLAS_COMPUTE_32F) == value);
}

TEST_CASE("arguments that cuBLAS refuses") {
  const Blas blas;
  const Floats x(std::vector<float>(100, 1.0f)), y(100);
  CHECK(product(blas, 4, 4, 4, x.get(), 3, x.get(), 4, y.get(), 4) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas, 4, 4, 4, x.get(), 4, x.get(), 3, y.get(), 4) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas, 4, 4, 4, x.get(), 4, x.get(), 4, y.get(), 3) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas, 4, -1, 4, x.get(), 4, x.get(), 4, y.get(), 4) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(nullptr, 4, 4, 4, x.get(), 4, x.get(), 4, y.get(), 4) ==
        CUBLAS_STATUS_NOT_INITIALIZED);
  CHECK(cublasSetWorkspace(blas, x.get() + 1, 64) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(product(blas, 4, 4, 4, x.get(), 4, x.get(), 4, y.get(), 4) == CUBLAS_STATUS_SUCCESS);
  CHECK(y.values()[0] == 4);
}

TEST_CASE("several host threads, each with a stream and a handle") {
  std::vector<std::thread> threads;
  std::vector<float> results(4);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t, &results] {
      const Stream stream;
      const Blas blas;
      cublasSetStream(blas, stream);
      const Floats a(std::vector<float>(64, static_cast<float>(t))),
          b(std::vector<float>(64, 1.0f)), c(64);
      for (int i = 0; i < 20; ++i) product(blas, 8, 8, 8, a.get(), 8, b.get(), 8, c.get(), 8);
      require(cudaMemcpyAsync(&results[t], c.get() + 63, 4, cudaMemcpyDeviceToHost, stream));
    });
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) CHECK(results[t] == 8.0f * t);
}

}  // namespace
}  // namespace fake_gpu::testing
