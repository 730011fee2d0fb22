// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011, by Random123), keyed by what
// they are for. The same key gives the same numbers on every device, thread and machine; there is
// no state to store for a resume.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fedcamae {

// What a stream of numbers is for; part of its key, so that streams never overlap.
enum class Purpose : uint32_t {
  kInitialWeights = 1,
  kPartition,
  kServerSplit,
  kClientIds,  // the seeded permutation that hides who is malicious
  kSampling,   // which clients take part in a round
  kShuffle,    // order of samples in an epoch
  kAugment,    // crops and flips, per sample
  kAttack,
  kProbe,        // the server's choice of probe images
  kAutoencoder,  // initial weights of the heat-map autoencoder
  kTest,
  kClaimedLoss,  // what attackers that do not train claim
  kDefense,      // what a defense draws
};

struct RandomKey {
  uint64_t seed = 0;
  Purpose purpose = Purpose::kTest;
  uint32_t round = 0;
  uint32_t client = 0;
};

// A sequential reader of one key's numbers. Copying it copies the position.
class Random {
 public:
  explicit Random(const RandomKey& key) : key_(key) {}
  const RandomKey& key() const { return key_; }

  static constexpr uint64_t kUniformWords = 2;  // 32-bit words that uniform() takes

  uint32_t next();  // 32 random bits
  uint64_t position() const {
    return 4 * block_ - static_cast<uint64_t>(4 - used_);
  }                                // words taken
  void skip(uint64_t words);       // as if so many words had been taken
  uint64_t below(uint64_t bound);  // uniform in [0, bound), unbiased; bound > 0
  double uniform();                // [0, 1), 53 bits
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal();             // mean 0, standard deviation 1 (Box-Muller)
  double gamma(double shape);  // scale 1, shape > 0 (Marsaglia and Tsang, 2000)
  std::vector<double> dirichlet(double alpha, int64_t n);  // symmetric, sums to 1

  template <class T>
  void shuffle(std::span<T> items) {  // Fisher-Yates
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  std::vector<int64_t> permutation(int64_t n);
  // k different numbers of [0, n), in random order.
  std::vector<int64_t> choose(int64_t n, int64_t k);

 private:
  RandomKey key_;
  uint64_t block_ = 0;  // next Philox counter
  uint32_t buffer_[4] = {};
  int used_ = 4;
  double spare_normal_ = 0;
  bool has_spare_ = false;
};

}  // namespace fedcamae
