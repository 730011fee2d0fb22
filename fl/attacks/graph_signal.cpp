#include "fl/attacks/graph_signal.h"

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace fedcamae {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace

SmallMatrix laplacian(const SmallMatrix& adjacency) {
  check(adjacency.rows == adjacency.cols, "[laplacian] an adjacency is square, got {} x {}",
        adjacency.rows, adjacency.cols);
  SmallMatrix result(adjacency.rows, adjacency.rows);
  for (int64_t i = 0; i < adjacency.rows; ++i)
    for (int64_t j = 0; j < i; ++j) {
      const double weight = adjacency(i, j);
      result(i, j) = result(j, i) = -weight;
      result(i, i) += weight;
      result(j, j) += weight;
    }
  return result;
}

SmallMatrix left_singular_vectors(const SmallMatrix& matrix) {
  const Eigen::MatrixXd input =
      Eigen::Map<const RowMajor>(matrix.values.data(), matrix.rows, matrix.cols);
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(input, Eigen::ComputeFullU);
  SmallMatrix result(matrix.rows, matrix.rows);
  Eigen::Map<RowMajor>(result.values.data(), matrix.rows, matrix.rows) = svd.matrixU();
  return result;
}

std::vector<double> regenerated_mean(const SmallMatrix& before, const SmallMatrix& after) {
  const int64_t k = before.rows;
  check(after.rows == k && before.cols == k && after.cols == k,
        "[gae] bases of {} x {} and {} x {}", before.rows, before.cols, after.rows, after.cols);
  SmallMatrix ones(k, 1);
  std::fill(ones.values.begin(), ones.values.end(), 1.0 / static_cast<double>(k));
  return product(before, product(transposed(after), ones)).values;
}

SmallMatrix laplacian_basis(const SmallMatrix& laplacian) {
  const int64_t k = laplacian.rows;
  Eigen::MatrixXd shifted = Eigen::Map<const RowMajor>(laplacian.values.data(), k, k);
  // Above all other eigenvalues, which the trace bounds: no other null vector can mix with it.
  shifted.array() += (1 + shifted.trace()) / static_cast<double>(k);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(shifted);
  SmallMatrix result(k, k);
  for (int64_t r = 0; r < k; ++r) {
    result(r, 0) = 1 / std::sqrt(static_cast<double>(k));
    for (int64_t c = 1; c < k; ++c) result(r, c) = solver.eigenvectors()(r, c - 1);
  }
  return result;
}

SmallMatrix regeneration(const SmallMatrix& before, const SmallMatrix& after) {
  SmallMatrix turned = after;
  for (int64_t c = 1; c < after.cols; ++c) {
    double towards = 0;
    for (int64_t r = 0; r < after.rows; ++r) towards += before(r, c) * after(r, c);
    if (towards >= 0) continue;
    for (int64_t r = 0; r < after.rows; ++r) turned(r, c) = -turned(r, c);
  }
  return product(turned, transposed(before));
}

}  // namespace fedcamae
