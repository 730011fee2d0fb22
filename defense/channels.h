// What is looked at in the models' evidence. A channel gives each update one number, its excess: 1
// is the channel's cut, above it the update is suspicious.
#pragma once

#include <cstdint>
#include <vector>

#include "defense/cross_fit.h"
#include "defense/evidence.h"

namespace fedcamae {

// --- rows ----------------------------------------------------------------------------------------
// LayerCAM's maps, each scaled to [0, 1] as the released code does ((m - min) / (1e-7 + max)), one
// after the other, the whole of unit length: where the model looks, not how strongly.
Row shape_row(const Evidence& evidence);
// The difference between the scores of the model and of the global one, of unit length: which way
// the training has moved the evidence, not how far. All zero where nothing has moved.
Row change_row(const Evidence& evidence, const Evidence& global);

// --- from values to excess -----------------------------------------------------------------------
// (v - median) / (k * 1.4826 MAD): above 1 is above the robust cut. Median and MAD over `heard`
// only (first_of_each in core_rows.h), so that a crowd of copies counts once. Without any spread
// whatever lies above the median is infinitely far: that is limited to kMostExcess.
constexpr double kMostExcess = 1e6;
std::vector<double> above_median(const std::vector<double>& values,
                                 const std::vector<size_t>& heard, double k);

// --- channels without an autoencoder -------------------------------------------------------------
// |log(heat / median heat)| / log(factor): a model's heat is the median over the probes of its
// maps' means, the median is that of `heard`. An absolute cut: a saturated network is far out,
// however little honest ones vary. (Not measured from the global model: a fresh one has next to no
// heat.)
std::vector<double> heat_excess(const std::vector<Evidence>& models,
                                const std::vector<size_t>& heard, double factor);

// How well scores [probes * classes] tell the probes apart, in [-0.5, 0.5], 0 where they tell
// nothing: for each class the share of pairs, a probe of the class and one of another, in which the
// former has more evidence for the class than the latter (the area under the curve of one class
// against the rest; ties are halves), minus 1/2; the mean over the classes. Evidence is a score
// minus its probe's mean over the classes. No class's bias moves it: clients whose images are
// mostly of some classes favour those everywhere. 0 where there is but one class.
double agreement(const Row& scores, const std::vector<size_t>& label, size_t classes);
// Honest training leaves a model that tells the probes apart better than its mirror image does: v =
// 2 agreement(scores) - agreement(mirrored), and the excess is how far v lies below the median of
// `heard`, over (1 - share) of that median. None where the median is not above 0, nor where the
// global model's own agreement is below kKnows: who starts from nothing ends anywhere.
constexpr double kKnows = 0.25;
std::vector<double> agreement_excess(const std::vector<Evidence>& models, const Evidence& global,
                                     const std::vector<size_t>& heard, double share);

// How far the weights have moved, over `factor` times the median of `heard`; no map has a part in
// it. Too short is no matter: it does next to nothing.
std::vector<double> length_excess(const std::vector<double>& lengths,
                                  const std::vector<size_t>& heard, double factor);

// Honest training does not end twice at the same place: who lies much nearer to a neighbour than
// others do is one of a crowd of copies, noise on them or not.
struct Twins {
  std::vector<double> excess;
  std::vector<size_t> voices;  // as in core_rows.h, of copies that are over the cut
};
// rows: change_row's. With d_i the squared distance to the nearest other row, the cut lies where
// log(median d / d) is k * 1.4826 MAD of log d, but no less than log(ratio). Rows that are all zero
// (a client that trained nothing) have no say and no excess.
Twins find_twins(const Rows& rows, double k, double ratio);

}  // namespace fedcamae
