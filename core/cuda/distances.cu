// Squared distances between n vectors through matrix products: with all of them taken relative to
// one, |a - b|^2 = a.a + b.b - 2 a.b. Nothing depends on the order of the vectors: the one is
// chosen by its length, the median one.
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <vector>

#include "core/cuda/cuda_backend.h"
#include "core/cuda/gemm_cublas.h"
#include "core/cuda/reduce.cuh"

namespace fedcamae::cuda {
namespace {

// Columns whose products cuBLAS adds in float32; over the slices the sum is double. A batch of them
// fills a large GPU even where n is small; for very many vectors it is smaller, so that what is
// gathered stays near kChunkNumbers numbers.
constexpr int64_t kSlice = 1 << 11, kMostSlices = 32, kChunkNumbers = 1 << 24;
// A distance from the products is kept where it is at least an eighth of a.a + b.b: three bits are
// lost to cancellation at most. Below, the pair is computed directly.
constexpr double kTrusted = 0.125;
// Nor is a sum of squares trusted that may have lost what float32 cannot hold.
constexpr double kSmallestSquare = FLT_MIN / FLT_EPSILON;

bool trusted(double distance, double squares, int64_t length) {
  return std::isfinite(distance) && distance >= kTrusted * squares &&
         squares > kSmallestSquare * static_cast<double>(length);
}

// vectors [n], then references [m], one as a rule. rows [n, width] = vector - reference for the
// columns from `first` on, 0 from the vectors' end on; the reference is the smallest number of all
// m. A block takes a stretch of columns of one vector, then of the vector a grid's height on;
// neighbouring threads take neighbouring columns.
__global__ void __launch_bounds__(kThreads)
    gather_kernel(const float* const* vectors, int64_t n, int64_t m, int64_t length, int64_t first,
                  int64_t width, float* rows) {
  const float* const* references = vectors + n;
  for (int64_t v = blockIdx.y; v < n; v += gridDim.y) {
    const float* vector = vectors[v];
    for (int64_t i = thread_index(); i < width; i += thread_count()) {
      const int64_t column = first + i;
      float difference = 0.0f;
      if (column < length) {
        float reference = references[0][column];
        for (int64_t r = 1; r < m; ++r) reference = fminf(reference, references[r][column]);
        difference = vector[column] - reference;
      }
      rows[v * width + i] = difference;
    }
  }
}

// gram [count] (+)= the sum of products [slices, count], a number a thread.
__global__ void __launch_bounds__(kThreads)
    add_products_kernel(const float* products, int64_t slices, bool accumulate, double* gram,
                        int64_t count) {
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    double sum = accumulate ? gram[i] : 0.0;
    for (int64_t slice = 0; slice < slices; ++slice)
      sum += static_cast<double>(products[slice * count + i]);
    gram[i] = sum;
  }
}

// Where arrays lie in one block of scratch.
class Layout {
 public:
  size_t place(int64_t count, size_t size) {
    constexpr size_t kAlignment = 256;  // cuBLAS asks for it
    const size_t begin = bytes_;
    bytes_ += (static_cast<size_t>(count) * size + kAlignment - 1) / kAlignment * kAlignment;
    return begin;
  }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_ = 0;
};

struct GramTask {
  int64_t n, references, length;
  int64_t slice, slices;        // columns of a slice, slices of a chunk
  const float* const* vectors;  // [n + references] on the device
  float* rows;                  // [n, slices * slice]
  float* products;              // [slices, n, n]
  double* gram;                 // [n, n]
};

// gram = v v^T over all columns, a chunk at a time.
void launch_gram(cudaStream_t stream, const Blas& blas, const GramTask& t) {
  const float one = 1.0f, zero = 0.0f;
  const int64_t width = t.slice * t.slices, numbers = t.n * t.n;
  const unsigned across = blocks_for(width);
  const auto down = std::clamp<int64_t>(kMostBlocks / across, 1, t.n);
  const dim3 grid(across, static_cast<unsigned>(down));
  for (int64_t first = 0; first < t.length; first += width) {
    gather_kernel<<<grid, kThreads, 0, stream>>>(t.vectors, t.n, t.references, t.length, first,
                                                 width, t.rows);
    const int64_t slices = divide_up(std::min(width, t.length - first), t.slice);
    // Pedantic: float32 whatever the precision. To cuBLAS, which is column-major, `rows` is its
    // transpose.
    const cublasStatus_t status = cublasGemmStridedBatchedEx_64(
        blas.handle(), CUBLAS_OP_T, CUBLAS_OP_N, t.n, t.n, t.slice, &one, t.rows, CUDA_R_32F, width,
        t.slice, t.rows, CUDA_R_32F, width, t.slice, &zero, t.products, CUDA_R_32F, t.n, numbers,
        slices, CUBLAS_COMPUTE_32F_PEDANTIC, CUBLAS_GEMM_DEFAULT);
    if (status != CUBLAS_STATUS_SUCCESS)
      fail(ErrorKind::kDevice,
           "[pairwise_squared_distances] {} vectors of {} numbers: cublasGemmStridedBatchedEx "
           "failed, {} ({})",
           t.n, t.length, cublasGetStatusString(status), cublasGetStatusName(status));
    add_products_kernel<<<blocks_for(numbers), kThreads, 0, stream>>>(t.products, slices, first > 0,
                                                                      t.gram, numbers);
  }
}

// The finite vectors, and those of them whose length is the median: several where lengths are equal
// to the bit.
struct Chosen {
  std::vector<size_t> finite, references;
};
Chosen choose(const std::vector<double>& squares) {
  Chosen chosen;
  std::vector<double> lengths;
  for (size_t i = 0; i < squares.size(); ++i) {
    if (!std::isfinite(squares[i])) continue;
    chosen.finite.push_back(i);
    lengths.push_back(squares[i]);
  }
  if (lengths.empty()) return chosen;
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>((lengths.size() - 1) / 2);
  std::nth_element(lengths.begin(), middle, lengths.end());
  for (const size_t i : chosen.finite)
    if (squares[i] == *middle) chosen.references.push_back(i);
  return chosen;
}

struct Pair {
  size_t a, b;
};

// Fills the table for `among` from their Gram matrix; returns the pairs for which that will not do.
std::vector<Pair> distances_from(const std::vector<double>& gram, const std::vector<size_t>& among,
                                 int64_t length, size_t n, std::span<double> table) {
  std::vector<Pair> doubtful;
  const size_t m = among.size();
  for (size_t i = 0; i < m; ++i) {
    const size_t a = among[i];
    table[a * n + a] = 0;
    for (size_t j = i + 1; j < m; ++j) {
      const size_t b = among[j];
      const double squares = gram[i * m + i] + gram[j * m + j];
      const double distance = squares - 2 * gram[i * m + j];
      if (trusted(distance, squares, length)) {
        table[a * n + b] = table[b * n + a] = distance;
      } else {
        doubtful.push_back({a, b});
      }
    }
  }
  return doubtful;
}

}  // namespace

// The sum of the squares of each vector; in double it does not overflow, so it is finite where the
// vector is.
std::vector<double> CudaBackend::squared_lengths(std::span<const ConstView> vectors) {
  std::vector<double> lengths(vectors.size());
  const int64_t length = vectors[0].size();
  const auto n = static_cast<int64_t>(vectors.size());
  double* sums = scratch_of<double>(n + pieces_of(length));
  for (int64_t i = 0; i < n; ++i)
    launch_sum(stream(), Square{}, length, sums + n, sums + i,
               vectors[static_cast<size_t>(i)].data);
  launched("pairwise_squared_distances' lengths");
  read_back(sums, lengths.data(), lengths.size() * sizeof(double));
  return lengths;
}

std::vector<double> CudaBackend::gram_matrix(const std::vector<const float*>& vectors, int64_t n,
                                             int64_t length) {
  const int64_t slice = std::min(length, kSlice);
  const int64_t slices = std::clamp<int64_t>(kChunkNumbers / (n * slice), 1,
                                             std::min(divide_up(length, slice), kMostSlices));
  const auto pointer_count = static_cast<int64_t>(vectors.size());
  Layout layout;
  const size_t workspace = layout.place(1, blas().workspace_bytes());
  const size_t pointers = layout.place(pointer_count, sizeof(const float*));
  const size_t rows = layout.place(n * slices * slice, sizeof(float));
  const size_t products = layout.place(slices * n * n, sizeof(float));
  const size_t gram = layout.place(n * n, sizeof(double));
  auto* base = static_cast<std::byte*>(scratch(layout.bytes()));
  blas().use_workspace(base + workspace);
  copy_from_host(base + pointers, vectors.data(), vectors.size() * sizeof(const float*));
  launch_gram(stream(), blas(),
              {n, pointer_count - n, length, slice, slices,
               reinterpret_cast<const float* const*>(base + pointers),
               reinterpret_cast<float*>(base + rows), reinterpret_cast<float*>(base + products),
               reinterpret_cast<double*>(base + gram)});
  launched("pairwise_squared_distances");
  std::vector<double> result(static_cast<size_t>(n * n));
  read_back(base + gram, result.data(), result.size() * sizeof(double));
  return result;
}

void CudaBackend::pairwise_squared_distances(std::span<const ConstView> vectors,
                                             std::span<double> table) {
  if (vectors.empty()) return;
  const size_t n = vectors.size();
  const int64_t length = vectors[0].size();
  std::fill(table.begin(), table.end(),
            length == 0 ? 0.0 : std::numeric_limits<double>::quiet_NaN());
  if (length == 0) return;
  const Chosen chosen = choose(squared_lengths(vectors));
  if (chosen.finite.empty()) return;
  std::vector<const float*> data;
  for (const auto* indices : {&chosen.finite, &chosen.references})
    for (const size_t i : *indices) data.push_back(vectors[i].data);
  const auto finite = static_cast<int64_t>(chosen.finite.size());
  const std::vector<Pair> doubtful =
      distances_from(gram_matrix(data, finite, length), chosen.finite, length, n, table);
  if (doubtful.empty()) return;
  const auto pairs = static_cast<int64_t>(doubtful.size());
  double* totals = scratch_of<double>(pairs + pieces_of(length));
  for (int64_t i = 0; i < pairs; ++i) {
    const Pair pair = doubtful[static_cast<size_t>(i)];
    launch_sum(stream(), SquaredDifference{}, length, totals + pairs, totals + i,
               vectors[pair.a].data, vectors[pair.b].data);
  }
  launched("pairwise_squared_distances' direct sums");
  std::vector<double> direct(doubtful.size());
  read_back(totals, direct.data(), direct.size() * sizeof(double));
  for (size_t i = 0; i < doubtful.size(); ++i) {
    const auto [a, b] = doubtful[i];
    table[a * n + b] = table[b * n + a] = direct[i];
  }
}

}  // namespace fedcamae::cuda
