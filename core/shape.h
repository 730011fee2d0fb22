// Shape: up to four dimensions, dense and row-major. Images are [N, H, W, C].
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "core/error.h"

namespace fedcamae {

class Shape {
 public:
  static constexpr int kMaxRank = 4;

  Shape() = default;  // rank 0, one element
  Shape(std::initializer_list<int64_t> dims) {
    check(dims.size() <= kMaxRank, "[shape] at most {} dimensions, got {}", kMaxRank, dims.size());
    for (int64_t d : dims) {
      check(d >= 0, "[shape] dimensions are not negative, got {}", d);
      dims_[rank_++] = d;
    }
  }

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[axis]; }
  int64_t size() const {
    int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= dims_[i];
    return product;
  }
  int64_t back() const { return rank_ == 0 ? 1 : dims_[rank_ - 1]; }
  // All but the last dimension: the pixels of an image batch, the rows of a matrix.
  int64_t rows() const { return back() == 0 ? 0 : size() / back(); }

  // Images [N, H, W, C] and convolution weights [K, R, S, C].
  int64_t n() const { return dims_[0]; }
  int64_t h() const { return dims_[1]; }
  int64_t w() const { return dims_[2]; }
  int64_t c() const { return dims_[3]; }

  bool operator==(const Shape&) const = default;
  std::string str() const;  // "[8, 32, 32, 3]"

 private:
  std::array<int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

}  // namespace fedcamae

template <>
struct fmt::formatter<fedcamae::Shape> : fmt::formatter<std::string> {
  auto format(const fedcamae::Shape& shape, fmt::format_context& out) const {
    return fmt::formatter<std::string>::format(shape.str(), out);
  }
};
