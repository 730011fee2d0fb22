#include "fl/attacks/graph_signal.h"

#include <Eigen/SVD>
#include <algorithm>

#include "core/error.h"

namespace fedcamae {

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
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
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

}  // namespace fedcamae
