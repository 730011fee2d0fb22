// Steps: what updates changed, their parameters minus a centre. Updates are read where their
// workers left them; results lie in the centre's context, the server's.
#pragma once

#include <span>
#include <vector>

#include "fl/client_update.h"

namespace fedcamae {

// The lengths of the steps from `centre` [P] to the updates at `present`, squared: [n], NaN for
// the others.
std::vector<double> squared_steps(const Tensor& centre, std::span<const ClientUpdate> updates,
                                  std::span<const size_t> present);
// Their lengths.
std::vector<double> step_norms(const Tensor& centre, std::span<const ClientUpdate> updates,
                               std::span<const size_t> present);

// y += factor (to - from), all [P]; to: any context; y must not be `from`. Differences first, in
// blocks: what is small beside the parameters is not lost.
void add_step_(double factor, const Tensor& from, const Tensor& to, const Tensor& y);

// centre + the sum of factors[i] (update i - centre) over `present`, in this order. A new tensor.
Tensor move_by_steps(const Tensor& centre, std::span<const ClientUpdate> updates,
                     std::span<const size_t> present, std::span<const double> factors);

// Which shares of the numbers of to - from are above, at and below 0. to: any context.
struct SignShares {
  double positive = 0, zero = 0, negative = 0;
};
SignShares sign_shares(const Tensor& from, const Tensor& to);

}  // namespace fedcamae
