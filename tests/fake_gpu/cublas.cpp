// cuBLAS: matrix products as plain loops, queued on the handle's stream, sums in double. Every
// element goes through Memory, so that wrong sizes and leading dimensions are met.
#include <cublas_v2.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/fake_gpu/device.h"
#include "tests/fake_gpu/numbers.h"

using namespace fake_gpu;

namespace {

struct Handle {
  cudaStream_t stream = nullptr;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  cublasPointerMode_t mode = CUBLAS_POINTER_MODE_HOST;
  Address workspace = 0;
  size_t workspace_bytes = 0;
};

// Column-major, as cuBLAS has it.
struct Matrix {
  const void* at;
  Type type;
  int64_t ld;
  int64_t stride;  // from one of the batch to the next
  Address column(int64_t j, int64_t batch) const {
    return reinterpret_cast<Address>(at) + (batch * stride + j * ld) * size_of(type);
  }
};

struct Gemm {
  const char* name;
  cublasOperation_t op_a, op_b;
  int64_t m, n, k;
  const void *alpha, *beta;
  Matrix a, b, c;
  int64_t batch = 1;
  bool fast_tf32 = false;
  bool pedantic = false;
};

void check(bool ok, const std::string& text) {
  if (!ok) throw Misuse(CUBLAS_STATUS_INVALID_VALUE, text);
}

void check_ld(const char* name, int64_t ld, int64_t rows) {
  check(
      ld >= std::max<int64_t>(1, rows),
      fmt::format("{} is {}, less than the {} rows of the matrix as it is stored", name, ld, rows));
}

void check(const Gemm& g) {
  check(g.m >= 0 && g.n >= 0 && g.k >= 0 && g.batch >= 0, "a negative size");
  check(g.op_a >= CUBLAS_OP_N && g.op_a <= CUBLAS_OP_C && g.op_b >= CUBLAS_OP_N &&
            g.op_b <= CUBLAS_OP_C,
        "no such operation on a matrix");
  check_ld("lda", g.a.ld, g.op_a == CUBLAS_OP_N ? g.m : g.k);
  check_ld("ldb", g.b.ld, g.op_b == CUBLAS_OP_N ? g.k : g.n);
  check_ld("ldc", g.c.ld, g.m);
  check(g.alpha && g.beta, "alpha or beta is null");
}

// op(matrix) of `rows` x `columns`, row-major.
std::vector<double> gather(Memory& memory, const Matrix& matrix, bool transposed, int64_t rows,
                           int64_t columns, int64_t batch, bool tf32) {
  std::vector<double> made(rows * columns);
  if (made.empty()) return made;
  const int64_t stored_rows = transposed ? columns : rows;
  const int64_t stored_columns = transposed ? rows : columns;
  const size_t size = size_of(matrix.type);
  for (int64_t j = 0; j < stored_columns; ++j) {
    const std::byte* column =
        memory.access(matrix.column(j, batch), stored_rows * size, Use::kRead);
    for (int64_t i = 0; i < stored_rows; ++i)
      made[transposed ? j * columns + i : i * columns + j] =
          load(column + i * size, matrix.type, tf32);
  }
  return made;
}

void multiply(Memory& memory, const Gemm& g, bool tf32, int64_t batch, double alpha, double beta) {
  std::vector<double> sums(g.m * g.n);  // row-major
  if (alpha != 0) {
    const auto a = gather(memory, g.a, g.op_a != CUBLAS_OP_N, g.m, g.k, batch, tf32);
    const auto b = gather(memory, g.b, g.op_b != CUBLAS_OP_N, g.k, g.n, batch, tf32);
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t p = 0; p < g.k; ++p) {
        const double factor = a[i * g.k + p];
        for (int64_t j = 0; j < g.n; ++j) sums[i * g.n + j] += factor * b[p * g.n + j];
      }
  }
  const size_t size = size_of(g.c.type);
  for (int64_t j = 0; j < g.n; ++j) {
    const Address at = g.c.column(j, batch);
    if (beta != 0) memory.access(at, g.m * size, Use::kRead);
    std::byte* column = memory.access(at, g.m * size, Use::kWrite);
    for (int64_t i = 0; i < g.m; ++i) {
      const double kept = beta != 0 ? beta * load(column + i * size, g.c.type, false) : 0;
      store(column + i * size, g.c.type, alpha * sums[i * g.n + j] + kept);
    }
  }
}

double factor(Memory& memory, const void* from, bool on_device) {
  if (!on_device) return *static_cast<const float*>(from);
  return load(memory.access(reinterpret_cast<Address>(from), 4, Use::kRead), Type::kFloat, false);
}

Handle& open(cublasHandle_t handle) {
  if (!handle) throw Misuse(CUBLAS_STATUS_NOT_INITIALIZED, "no handle");
  return *reinterpret_cast<Handle*>(handle);
}

template <class Body>
cublasStatus_t blas(const char* name, const Body& body) {
  return call(name, CUBLAS_STATUS_EXECUTION_FAILED, body);
}

cublasStatus_t run(cublasHandle_t handle, const Gemm& g) {
  return blas(g.name, [&](Device& device) {
    const Handle& h = open(handle);
    check(g);
    if (g.m == 0 || g.n == 0 || g.batch == 0) return;
    const bool tf32 = g.a.type == Type::kFloat && !g.pedantic &&
                      (g.fast_tf32 || (h.math & 0xf) == CUBLAS_TF32_TENSOR_OP_MATH);
    Memory& memory = device.memory;
    const bool on_device = h.mode == CUBLAS_POINTER_MODE_DEVICE;
    const double alpha = on_device ? 0 : factor(memory, g.alpha, false);
    const double beta = on_device ? 0 : factor(memory, g.beta, false);
    device.enqueue(h.stream, g.name, [=, &memory] {
      if (h.workspace)  // lost to cuBLAS, even where a product needs none
        std::memset(memory.access(h.workspace, h.workspace_bytes, Use::kWrite), 0xff,
                    h.workspace_bytes);
      const double by = on_device ? factor(memory, g.alpha, true) : alpha;
      const double plus = on_device ? factor(memory, g.beta, true) : beta;
      for (int64_t batch = 0; batch < g.batch; ++batch) multiply(memory, g, tf32, batch, by, plus);
    });
  });
}

// GemmEx: bfloat16 or float32 inputs, computed in float32.
cublasStatus_t run(cublasHandle_t handle, Gemm g, cudaDataType a, cudaDataType b, cudaDataType c,
                   cublasComputeType_t compute) {
  const auto known = [](cudaDataType type) { return type == CUDA_R_32F || type == CUDA_R_16BF; };
  const auto type = [](cudaDataType of) {
    return of == CUDA_R_32F ? Type::kFloat : Type::kBfloat16;
  };
  g.fast_tf32 = compute == CUBLAS_COMPUTE_32F_FAST_TF32;
  g.pedantic = compute == CUBLAS_COMPUTE_32F_PEDANTIC;
  if (!known(a) || a != b || !known(c) || (a == CUDA_R_32F && c != CUDA_R_32F) ||
      (compute != CUBLAS_COMPUTE_32F && !g.fast_tf32 && !g.pedantic)) {
    print(fmt::format("{}: not faked for types {}, {} -> {} and compute type {}", g.name,
                      static_cast<int>(a), static_cast<int>(b), static_cast<int>(c),
                      static_cast<int>(compute)));
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  g.a.type = type(a);
  g.b.type = type(b);
  g.c.type = type(c);
  return run(handle, g);
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

cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* version) {
  *version = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  return blas("cublasSetStream", [&](Device&) {
    Handle& h = open(handle);
    h.stream = stream;
    h.workspace = h.workspace_bytes = 0;  // as documented: back to the library's own
  });
}

cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t* stream) {
  return blas("cublasGetStream", [&](Device&) { *stream = open(handle).stream; });
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

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
  return blas("cublasSetPointerMode", [&](Device&) { open(handle).mode = mode; });
}

cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t* mode) {
  return blas("cublasGetPointerMode", [&](Device&) { *mode = open(handle).mode; });
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

cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode) {
  return blas("cublasGetMathMode", [&](Device&) { *mode = open(handle).math; });
}

}  // extern "C"

// Every product comes with sizes as int and, as _64, as int64_t.
#define FAKE_GEMMS(SUFFIX, INT)                                                                   \
  extern "C" cublasStatus_t cublasSgemm_v2##SUFFIX(                                               \
      cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, INT m, INT n, INT k, \
      const float* alpha, const float* a, INT lda, const float* b, INT ldb, const float* beta,    \
      float* c, INT ldc) {                                                                        \
    return run(handle, {"cublasSgemm",                                                            \
                        op_a,                                                                     \
                        op_b,                                                                     \
                        m,                                                                        \
                        n,                                                                        \
                        k,                                                                        \
                        alpha,                                                                    \
                        beta,                                                                     \
                        {a, Type::kFloat, lda, 0},                                                \
                        {b, Type::kFloat, ldb, 0},                                                \
                        {c, Type::kFloat, ldc, 0}});                                              \
  }                                                                                               \
  extern "C" cublasStatus_t cublasSgemmStridedBatched##SUFFIX(                                    \
      cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, INT m, INT n, INT k, \
      const float* alpha, const float* a, INT lda, long long stride_a, const float* b, INT ldb,   \
      long long stride_b, const float* beta, float* c, INT ldc, long long stride_c, INT batch) {  \
    return run(handle, {"cublasSgemmStridedBatched",                                              \
                        op_a,                                                                     \
                        op_b,                                                                     \
                        m,                                                                        \
                        n,                                                                        \
                        k,                                                                        \
                        alpha,                                                                    \
                        beta,                                                                     \
                        {a, Type::kFloat, lda, stride_a},                                         \
                        {b, Type::kFloat, ldb, stride_b},                                         \
                        {c, Type::kFloat, ldc, stride_c},                                         \
                        batch});                                                                  \
  }                                                                                               \
  extern "C" cublasStatus_t cublasGemmEx##SUFFIX(                                                 \
      cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, INT m, INT n, INT k, \
      const void* alpha, const void* a, cudaDataType type_a, INT lda, const void* b,              \
      cudaDataType type_b, INT ldb, const void* beta, void* c, cudaDataType type_c, INT ldc,      \
      cublasComputeType_t compute, cublasGemmAlgo_t) {                                            \
    return run(handle,                                                                            \
               {"cublasGemmEx",                                                                   \
                op_a,                                                                             \
                op_b,                                                                             \
                m,                                                                                \
                n,                                                                                \
                k,                                                                                \
                alpha,                                                                            \
                beta,                                                                             \
                {a, {}, lda, 0},                                                                  \
                {b, {}, ldb, 0},                                                                  \
                {c, {}, ldc, 0}},                                                                 \
               type_a, type_b, type_c, compute);                                                  \
  }                                                                                               \
  extern "C" cublasStatus_t cublasGemmStridedBatchedEx##SUFFIX(                                   \
      cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, INT m, INT n, INT k, \
      const void* alpha, const void* a, cudaDataType type_a, INT lda, long long stride_a,         \
      const void* b, cudaDataType type_b, INT ldb, long long stride_b, const void* beta, void* c, \
      cudaDataType type_c, INT ldc, long long stride_c, INT batch, cublasComputeType_t compute,   \
      cublasGemmAlgo_t) {                                                                         \
    return run(handle,                                                                            \
               {"cublasGemmStridedBatchedEx",                                                     \
                op_a,                                                                             \
                op_b,                                                                             \
                m,                                                                                \
                n,                                                                                \
                k,                                                                                \
                alpha,                                                                            \
                beta,                                                                             \
                {a, {}, lda, stride_a},                                                           \
                {b, {}, ldb, stride_b},                                                           \
                {c, {}, ldc, stride_c},                                                           \
                batch},                                                                           \
               type_a, type_b, type_c, compute);                                                  \
  }
FAKE_GEMMS(, int)
FAKE_GEMMS(_64, int64_t)
