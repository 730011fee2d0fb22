// Gradients without subtraction of near-equal numbers: for a real-analytic f, the imaginary part of
// f(x + ih) / h is f'(x) to the last bits (Squire and Trapp, 1998).
#pragma once

#include <complex>

#include "core/reference/array.h"
#include "tests/support/arrays.h"

namespace fedcamae::testing {

using Complex = std::complex<double>;
constexpr double kComplexStep = 1e-30;

// d sum(dy * f(x)) / dx. f maps Array<Complex> to Array<Complex>; x is perturbed one by one.
template <class F>
Array<double> complex_step(const F& f, const Array<double>& x, const Array<double>& dy) {
  Array<double> dx(x.shape);
  Array<Complex> moved = to_complex(x);
  for (int64_t i = 0; i < x.size(); ++i) {
    moved[i] = Complex(x[i], kComplexStep);
    const Array<Complex> y = f(moved);
    check(y.size() == dy.size(), "[complex_step] f gives {}, dy is {}", y.shape, dy.shape);
    for (int64_t j = 0; j < y.size(); ++j) dx[i] += dy[j] * y[j].imag() / kComplexStep;
    moved[i] = x[i];
  }
  return dx;
}

}  // namespace fedcamae::testing
