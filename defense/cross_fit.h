// How badly an autoencoder that never saw a row, nor a copy of it, reconstructs that row.
#pragma once

#include "core/random.h"
#include "defense/row_coder.h"

namespace fedcamae {

struct CrossFitSpec {
  RowCoderSpec coder;
  int64_t folds = 4;  // of the core, at least 2
};
struct CrossFit {
  std::vector<double> errors;  // mean squared, in the rows' units, one per row
  Rows reconstructed;
};
// voices: of core_rows.h; core: the rows to learn from, each its own voice. The core is dealt to
// the folds in turn, and one coder is trained on all but each fold, after its training rows' median
// is subtracted and what is left is divided by its root mean square. A row whose voice is in the
// core is scored by the coder that did not see that fold; others get the mean over the coders. A
// core of less than three teaches nothing, nor do no epochs: there every reconstruction is the
// median over all voices.
CrossFit cross_fit(const Rows& rows, const std::vector<size_t>& voices,
                   const std::vector<size_t>& core, const CrossFitSpec& spec, const RandomKey& key);

}  // namespace fedcamae
