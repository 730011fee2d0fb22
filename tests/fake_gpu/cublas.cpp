// cuBLAS: matrix products as plain loops, queued on the handle's stream, sums in double. Every
// element goes through Memory, so that wrong sizes and leading dimensions are met.
#include <cublas_v2.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/fake_gpu/device.h"
#include "tests/fake_gpu/numbers.h"

using namespace fake_gpu;

namespace {

// Of a workspace only so much is written over: recommended are 32 MiB.
constexpr size_t kWorkspaceTouched = 64 << 10;

struct Handle {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  Address workspace = 0;
  size_t workspace_bytes = 0;
};

Handle& open(cublasHandle_t handle) {
  if (!handle) throw Misuse(CUBLAS_STATUS_NOT_INITIALIZED, "no handle");
  return *reinterpret_cast<Handle*>(handle);
}

template <class Body>
cublasStatus_t blas(const char* name, const Body& body) {
  return call(name, CUBLAS_STATUS_EXECUTION_FAILED, body);
}

void check(bool ok, const std::string& text) {
  if (!ok) throw Misuse(CUBLAS_STATUS_INVALID_VALUE, text);
}

// Column-major, as cuBLAS has it.
struct Matrix {
  const void* at;
  cudaDataType cuda_type;
  int64_t ld;
  bool transposed = false;
  int64_t stride = 0;  // from one of a batch to the next

  Type type() const { return cuda_type == CUDA_R_32F ? Type::kFloat : Type::kBfloat16; }
  Address column(int64_t j) const {
    return reinterpret_cast<Address>(at) + j * ld * size_of(type());
  }
  Matrix of_batch(int64_t index) const {
    Matrix matrix = *this;
    matrix.at = static_cast<const std::byte*>(at) + index * stride * size_of(type());
    return matrix;
  }
};

struct Gemm {
  const char* name;
  int64_t m, n, k;
  const void *alpha, *beta;
  Matrix a, b, c;
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  int64_t batch = 1;
};

void check_ld(const char* name, int64_t ld, int64_t rows) {
  check(
      ld >= std::max<int64_t>(1, rows),
      fmt::format("{} is {}, less than the {} rows of the matrix as it is stored", name, ld, rows));
}

void check(const Gemm& g) {
  check(g.m >= 0 && g.n >= 0 && g.k >= 0 && g.batch >= 0, "a negative size");
  check_ld("lda", g.a.ld, g.a.transposed ? g.k : g.m);
  check_ld("ldb", g.b.ld, g.b.transposed ? g.n : g.k);
  check_ld("ldc", g.c.ld, g.m);
  check(g.alpha && g.beta, "alpha or beta is null");
  const auto known = [](const Matrix& m) {
    return m.cuda_type == CUDA_R_32F || m.cuda_type == CUDA_R_16BF;
  };
  const bool types = known(g.a) && g.a.cuda_type == g.b.cuda_type && known(g.c) &&
                     (g.a.cuda_type == CUDA_R_16BF || g.c.cuda_type == CUDA_R_32F);
  const bool compute = g.compute == CUBLAS_COMPUTE_32F ||
                       g.compute == CUBLAS_COMPUTE_32F_PEDANTIC ||
                       g.compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  if (!types || !compute)
    throw Misuse(CUBLAS_STATUS_NOT_SUPPORTED,
                 "not faked for these types; float32 and bfloat16 are");
}

// The matrix as it enters the product, `rows` x `columns`, row-major.
std::vector<double> gather(Memory& memory, const Matrix& from, int64_t rows, int64_t columns,
                           bool tf32) {
  std::vector<double> made(rows * columns);
  const int64_t length = from.transposed ? columns : rows;  // of a column as it is stored
  const size_t size = size_of(from.type());
  for (int64_t j = 0; j < (from.transposed ? rows : columns) && length > 0; ++j) {
    const std::byte* column = memory.access(from.column(j), length * size, Use::kRead);
    for (int64_t i = 0; i < length; ++i)
      made[from.transposed ? j * columns + i : i * columns + j] =
          load(column + i * size, from.type(), tf32);
  }
  return made;
}

void multiply(Memory& memory, const Gemm& g, bool tf32, double alpha, double beta) {
  std::vector<double> sums(g.m * g.n);  // row-major
  if (alpha != 0) {
    const auto a = gather(memory, g.a, g.m, g.k, tf32);
    const auto b = gather(memory, g.b, g.k, g.n, tf32);
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t p = 0; p < g.k; ++p)
        for (int64_t j = 0; j < g.n; ++j) sums[i * g.n + j] += a[i * g.k + p] * b[p * g.n + j];
  }
  const Type type = g.c.type();
  const size_t size = size_of(type);
  for (int64_t j = 0; j < g.n; ++j) {
    if (beta != 0) memory.access(g.c.column(j), g.m * size, Use::kRead);
    std::byte* column = memory.access(g.c.column(j), g.m * size, Use::kWrite);
    for (int64_t i = 0; i < g.m; ++i) {
      const double kept = beta != 0 ? beta * load(column + i * size, type, false) : 0;
      store(column + i * size, type, alpha * sums[i * g.n + j] + kept);
    }
  }
}

cublasStatus_t run(cublasHandle_t handle, const Gemm& g) {
  return blas(g.name, [&](Device& device) {
    const Handle& h = open(handle);
    check(g);
    if (g.m == 0 || g.n == 0) return;
    const bool tf32 =
        g.a.type() == Type::kFloat && g.compute != CUBLAS_COMPUTE_32F_PEDANTIC &&
        (g.compute == CUBLAS_COMPUTE_32F_FAST_TF32 || (h.math & 0xf) == CUBLAS_TF32_TENSOR_OP_MATH);
    const double alpha = *static_cast<const float*>(g.alpha);
    const double beta = *static_cast<const float*>(g.beta);
    Memory& memory = device.memory;
    device.enqueue(h.stream, g.name, [=, &memory] {
      if (h.workspace) {  // lost to cuBLAS, even where a product needs none
        const size_t touched = std::min(h.workspace_bytes, kWorkspaceTouched);
        std::memset(memory.access(h.workspace, touched, Use::kWrite), 0xff, touched);
      }
      for (int64_t i = 0; i < g.batch; ++i) {
        Gemm one = g;
        for (Matrix* matrix : {&one.a, &one.b, &one.c}) *matrix = matrix->of_batch(i);
        multiply(memory, one, tf32, alpha, beta);
      }
    });
  });
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* made) {
  return blas("cublasCreate",
              [&](Device&) { *made = reinterpret_cast<cublasHandle_t>(new Handle); });
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  return blas("cublasDestroy", [&](Device& device) {
    device.wait_all();  // as documented
    delete &open(handle);
  });
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  return blas("cublasSetStream", [&](Device&) {
    Handle& h = open(handle);
    h.stream = stream;
    h.workspace = h.workspace_bytes = 0;  // as documented: back to the library's own
  });
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t bytes) {
  return blas("cublasSetWorkspace", [&](Device& device) {
    const auto at = reinterpret_cast<Address>(workspace);
    check(at % 256 == 0, "the workspace is not aligned to 256 bytes");
    check(!at == !bytes, "a workspace without a size, or a size without a workspace");
    if (bytes) device.memory.find(at, bytes, Use::kWrite);
    open(handle).workspace = at;
    open(handle).workspace_bytes = bytes;
  });
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  return blas("cublasSetMathMode", [&](Device&) {
    const int kind = mode & 0xf;
    if (kind != CUBLAS_DEFAULT_MATH && kind != CUBLAS_PEDANTIC_MATH &&
        kind != CUBLAS_TF32_TENSOR_OP_MATH)
      throw Misuse(CUBLAS_STATUS_NOT_SUPPORTED, fmt::format("math mode {} is not faked", kind));
    open(handle).math = mode;
  });
}

cublasStatus_t cublasSgemm_v2_64(cublasHandle_t handle, cublasOperation_t op_a,
                                 cublasOperation_t op_b, int64_t m, int64_t n, int64_t k,
                                 const float* alpha, const float* a, int64_t lda, const float* b,
                                 int64_t ldb, const float* beta, float* c, int64_t ldc) {
  return run(handle, {.name = "cublasSgemm",
                      .m = m,
                      .n = n,
                      .k = k,
                      .alpha = alpha,
                      .beta = beta,
                      .a = {a, CUDA_R_32F, lda, op_a != CUBLAS_OP_N},
                      .b = {b, CUDA_R_32F, ldb, op_b != CUBLAS_OP_N},
                      .c = {c, CUDA_R_32F, ldc}});
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                              int m, int n, int k, const float* alpha, const float* a, int lda,
                              const float* b, int ldb, const float* beta, float* c, int ldc) {
  return cublasSgemm_v2_64(handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

cublasStatus_t cublasGemmEx_64(cublasHandle_t handle, cublasOperation_t op_a,
                               cublasOperation_t op_b, int64_t m, int64_t n, int64_t k,
                               const void* alpha, const void* a, cudaDataType type_a, int64_t lda,
                               const void* b, cudaDataType type_b, int64_t ldb, const void* beta,
                               void* c, cudaDataType type_c, int64_t ldc,
                               cublasComputeType_t compute, cublasGemmAlgo_t) {
  return run(handle, {.name = "cublasGemmEx",
                      .m = m,
                      .n = n,
                      .k = k,
                      .alpha = alpha,
                      .beta = beta,
                      .a = {a, type_a, lda, op_a != CUBLAS_OP_N},
                      .b = {b, type_b, ldb, op_b != CUBLAS_OP_N},
                      .c = {c, type_c, ldc},
                      .compute = compute});
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b,
                            int m, int n, int k, const void* alpha, const void* a,
                            cudaDataType type_a, int lda, const void* b, cudaDataType type_b,
                            int ldb, const void* beta, void* c, cudaDataType type_c, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algo) {
  return cublasGemmEx_64(handle, op_a, op_b, m, n, k, alpha, a, type_a, lda, b, type_b, ldb, beta,
                         c, type_c, ldc, compute, algo);
}

cublasStatus_t cublasGemmStridedBatchedEx_64(
    cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int64_t m, int64_t n,
    int64_t k, const void* alpha, const void* a, cudaDataType type_a, int64_t lda,
    long long stride_a, const void* b, cudaDataType type_b, int64_t ldb, long long stride_b,
    const void* beta, void* c, cudaDataType type_c, int64_t ldc, long long stride_c, int64_t batch,
    cublasComputeType_t compute, cublasGemmAlgo_t) {
  return run(handle, {.name = "cublasGemmStridedBatchedEx",
                      .m = m,
                      .n = n,
                      .k = k,
                      .alpha = alpha,
                      .beta = beta,
                      .a = {a, type_a, lda, op_a != CUBLAS_OP_N, stride_a},
                      .b = {b, type_b, ldb, op_b != CUBLAS_OP_N, stride_b},
                      .c = {c, type_c, ldc, false, stride_c},
                      .compute = compute,
                      .batch = batch});
}

}  // extern "C"
