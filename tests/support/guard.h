// A tensor between two guard zones.
#pragma once

#include "core/tensor.h"
#include "tests/support/arrays.h"

namespace fedcamae::testing {

class Guarded {
 public:
  // Numbers in each zone of those made from now on. An odd one lets the tensor begin at an address
  // aligned to nothing but a float, a multiple of four at one aligned to 16 bytes; both are longer
  // than any vector tile's overhang.
  static constexpr int64_t kOddZone = 131, kAlignedZone = 132;
  static inline int64_t zone = kOddZone;

  // An output: NaN inside, a pattern around.
  Guarded(Context& context, const Shape& shape);
  // An input: NaN around, so that what is read there shows in the result.
  Guarded(Context& context, const Array<double>& x);

  const Tensor& tensor() const { return inner_; }
  View view() const { return inner_.view(); }
  void check_untouched() const;  // a doctest check of both zones

 private:
  int64_t zone_ = zone;
  Tensor whole_, inner_;
  float value_ = 0;
};

}  // namespace fedcamae::testing
