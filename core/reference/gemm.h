// Matrix product from its definition.
#pragma once

#include "core/backend.h"
#include "core/reference/array.h"

namespace fedcamae::reference {

// c [M, N] = (accumulate ? c : 0) + op(a) [M, K] * op(b) [K, N].
template <class T>
void gemm(const GemmSpec& spec, const Array<T>& a, const Array<T>& b, Array<T>& c) {
  const int64_t depth = a.shape[spec.transpose_a ? 0 : 1];
  for (int64_t i = 0; i < c.shape[0]; ++i)
    for (int64_t j = 0; j < c.shape[1]; ++j) {
      T total = spec.accumulate ? c(i, j) : T(0);
      for (int64_t k = 0; k < depth; ++k)
        total += (spec.transpose_a ? a(k, i) : a(i, k)) * (spec.transpose_b ? b(j, k) : b(k, j));
      c(i, j) = total;
    }
}

}  // namespace fedcamae::reference
