// A tensor between two guard zones, at an address that is aligned to nothing but a float.
#pragma once

#include "core/tensor.h"
#include "tests/support/arrays.h"

namespace fedcamae::testing {

class Guarded {
 public:
  // An output: NaN inside, a pattern around.
  Guarded(Context& context, const Shape& shape);
  // An input: NaN around, so that what is read there shows in the result.
  Guarded(Context& context, const Array<double>& x);

  const Tensor& tensor() const { return inner_; }
  View view() const { return inner_.view(); }
  void check_untouched() const;  // a doctest check of both zones

 private:
  Tensor whole_, inner_;
  float value_ = 0;
};

}  // namespace fedcamae::testing
