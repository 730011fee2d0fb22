// What a primitive is given where tensors may be bfloat16.
#pragma once

#include <utility>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"

namespace fedcamae::ops {

// The views of one call of a primitive. Where the backend is not native_bfloat16, a bfloat16 tensor
// is replaced by a float32 temporary: an input is widened, an output is rounded by `finish`. Since
// formulas and sums are float32 on every device, the result is the same numbers to the order of
// summation. The temporaries go back to the pool with this object.
class NativeViews {
 public:
  explicit NativeViews(Context& context) : context_(context) {}
  NativeViews(const NativeViews&) = delete;
  NativeViews& operator=(const NativeViews&) = delete;

  Backend& backend() const { return context_.backend(); }
  // An undefined tensor gives an empty view.
  ConstView in(const Tensor& x) { return is_native(x) ? view_of(x) : widened(x).view(); }
  View out(const Tensor& y) { return is_native(y) ? view_of(y) : rounded(y, temporary(y)); }
  View in_out(const Tensor& y) { return is_native(y) ? view_of(y) : rounded(y, widened(y)); }
  // After the call: what it wrote goes to the tensors that were asked for.
  void finish() {
    for (const auto& [wide, y] : outputs_) backend().cast(wide.view(), y.view());
  }

 private:
  bool is_native(const Tensor& t) const {
    return !t.defined() || t.type() == ElementType::kFloat32 || backend().native_bfloat16();
  }
  static View view_of(const Tensor& t) { return t.defined() ? t.view() : View{}; }
  Tensor temporary(const Tensor& like) {
    temporaries_.emplace_back(context_, like.shape());
    return temporaries_.back();
  }
  Tensor widened(const Tensor& x) {
    Tensor wide = temporary(x);
    backend().cast(x.view(), wide.view());
    return wide;
  }
  View rounded(const Tensor& y, const Tensor& wide) {
    outputs_.emplace_back(wide, y);
    return wide.view();
  }

  Context& context_;
  std::vector<Tensor> temporaries_;
  std::vector<std::pair<Tensor, Tensor>> outputs_;  // the temporary, and where it goes
};

}  // namespace fedcamae::ops
