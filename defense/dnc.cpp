// DnC, divide and conquer (Shejwalkar and Houmansadr, NDSS 2021, Algorithm 2): what poisons the
// mean stands out along the direction in which the updates differ most.
//   niters times: r = a random subset of the coordinates; x_i = the update there, minus the mean of
//   all; v = the top right singular vector of the rows x_i; s_i = (x_i v)^2; the floor(c f) updates
//   with the largest s_i are out. Next: the mean of those that were never out.
//   Worked example: 7 0 20 3 1 on a line, mean 6.2: s = .64 38.44 190.44 10.24 27.04; f = 1 leaves
//   20 out, f = 2 also 0.
//   Score: the largest s_i / sum_j s_j of the rounds, in [0, 1]; no threshold, each round ranks.
//   Cost: niters times n^2 sub_dim / 2 multiply-adds and the eigenvectors of an n x n matrix; the
//   memory of n subsets.
//   s_i = l u_i^2, l and u the top eigenvalue and eigenvector of the matrix of the products x_i
//   x_j, which follows from the distances: -1/2 (d_ij - mean_j d_ij - mean_i d_ij + mean d), d
//   squared.
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <numeric>
#include <set>

#include "core/ops.h"
#include "core/random.h"
#include "defense/aggregate.h"
#include "defense/all.h"
#include "defense/scalars.h"

namespace fedcamae {
namespace {

// `count` different numbers of [0, size), sorted (Floyd's algorithm: takes no more than it gives).
std::vector<int32_t> random_subset(Random& random, int64_t size, int64_t count) {
  std::set<int64_t> chosen;
  for (int64_t last = size - count; last < size; ++last) {
    const auto drawn = static_cast<int64_t>(random.below(static_cast<uint64_t>(last) + 1));
    chosen.insert(chosen.contains(drawn) ? last : drawn);
  }
  return {chosen.begin(), chosen.end()};
}

// An order of n points that depends on their distances alone, so that no bit depends on their ids.
std::vector<size_t> order_by_distances(const std::vector<double>& squares, size_t n) {
  std::vector<std::vector<double>> rows(n);
  for (size_t i = 0; i < n; ++i) {
    rows[i].assign(squares.begin() + static_cast<std::ptrdiff_t>(i * n),
                   squares.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
    std::sort(rows[i].begin(), rows[i].end());
  }
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a] < rows[b]; });
  return order;
}

// s_i / sum_j s_j from squared distances [n * n]; zeros where the points are one.
std::vector<double> outlier_shares(const std::vector<double>& squares, size_t n) {
  const std::vector<size_t> order = order_by_distances(squares, n);
  const auto size = static_cast<Eigen::Index>(n);
  Eigen::MatrixXd products(size, size);
  for (Eigen::Index i = 0; i < size; ++i)
    for (Eigen::Index j = 0; j < size; ++j)
      products(i, j) =
          -0.5 * squares[order[static_cast<size_t>(i)] * n + order[static_cast<size_t>(j)]];
  const Eigen::VectorXd means = products.rowwise().mean();
  products.colwise() -= means;
  products.rowwise() -= means.transpose();
  products.array() += means.mean();

  std::vector<double> shares(n, 0.0);
  if (*std::max_element(squares.begin(), squares.end()) == 0) return shares;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(products);
  const Eigen::VectorXd top = solver.eigenvectors().col(size - 1);  // eigenvalues ascend
  for (Eigen::Index i = 0; i < size; ++i) shares[order[static_cast<size_t>(i)]] = top(i) * top(i);
  return shares;
}

struct DncSpec {
  int64_t f, niters, sub_dim;
  double c;
};

class Dnc final : public Defense {
 public:
  explicit Dnc(const DncSpec& spec) : spec_(spec) {}

  bool remembers() const override { return false; }

  DefenseResult aggregate(const RoundContext& round,
                          std::span<const ClientUpdate> updates) override {
    Verdict verdict = accept_finite(updates);
    const std::vector<size_t> present = accepted_positions(verdict.accepted);
    for (int64_t i = 0; i < spec_.niters && !present.empty(); ++i) {
      const std::vector<double> shares = project(round, updates, present, i);
      for (size_t k = 0; k < present.size(); ++k) {
        double& score = verdict.score[present[k]];
        score = i == 0 ? shares[k] : std::max(score, shares[k]);
      }
      filter(shares, present, verdict);
    }
    return {mean_of_accepted(round, updates, verdict.accepted), std::move(verdict), {}};
  }

 private:
  // The shares of the updates at `present` on the coordinates of iteration `i`.
  std::vector<double> project(const RoundContext& round, std::span<const ClientUpdate> updates,
                              const std::vector<size_t>& present, int64_t i) const {
    Context& context = round.model.context();
    const int64_t size = round.global.parameters.size();
    Random random({round.seed, Purpose::kDefense, static_cast<uint32_t>(round.round),
                   static_cast<uint32_t>(i)});
    const IndexTensor subset =
        IndexTensor::from(context, random_subset(random, size, std::min(spec_.sub_dim, size)));
    std::vector<Tensor> rows;
    for (const size_t u : present) rows.push_back(ops::gather(updates[u].state.parameters, subset));
    return outlier_shares(ops::pairwise_squared_distances(context, rows), rows.size());
  }

  // Equal shares by id.
  void filter(const std::vector<double>& shares, const std::vector<size_t>& present,
              Verdict& verdict) const {
    std::vector<size_t> positions(present.size());
    std::iota(positions.begin(), positions.end(), size_t{0});
    const auto out = static_cast<size_t>(spec_.c * static_cast<double>(spec_.f));
    const std::vector<size_t> order = order_by(shares, positions);
    for (size_t rank = 0; rank < order.size(); ++rank)
      if (rank > 0 && rank + out >= order.size()) verdict.accepted[present[order[rank]]] = false;
  }

  DncSpec spec_;
};

}  // namespace

DefenseInfo dnc_defense() {
  constexpr double kMost = 1e6;
  return {.name = "dnc",
          .doc =
              "the mean without those that stand out along the top singular vector of random "
              "coordinates; score: largest share of the squared projections",
          .source = "Shejwalkar and Houmansadr, NDSS 2021",
          .options = {{.name = "f",
                       .value = int64_t{0},
                       .doc = "how many malicious clients to withstand",
                       .low = 0,
                       .high = kMost},
                      {.name = "c",
                       .value = 1.0,
                       .doc = "filter fraction: c f updates are out in each round of DnC",
                       .low = 0,
                       .high = kMost},
                      {.name = "niters",
                       .value = int64_t{5},
                       .doc = "rounds of DnC, each on coordinates of its own",
                       .low = 1,
                       .high = 1e4},
                      {.name = "sub_dim",
                       .value = int64_t{10000},
                       .doc = "coordinates of a round; all of them where there are fewer",
                       .low = 1,
                       .high = kMost}},
          .make = [](const Options& options) {
            return std::make_unique<Dnc>(DncSpec{.f = options.integer("f"),
                                                 .niters = options.integer("niters"),
                                                 .sub_dim = options.integer("sub_dim"),
                                                 .c = options.real("c")});
          }};
}

}  // namespace fedcamae
