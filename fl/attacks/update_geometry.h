// What k overheard updates look like to each other. An update d_i = w_i - w_g has as many numbers
// as the model; the graph attack makes linear combinations of them alone, and for those the k x k
// inner products say everything: directions, distances, the graph. The models are read twice, once
// for these numbers and once for the result.
#pragma once

#include <vector>

#include "fl/attacks/small_matrix.h"
#include "models/model.h"

namespace fedcamae {

struct UpdateGeometry {
  // By the length of their updates, shortest first: the order in which they were overheard moves
  // nothing. The global model where there is none.
  std::vector<ModelState> models;
  SmallMatrix inner;      // [k, k] <d_i, d_j>
  SmallMatrix deviation;  // [k, k] <d_i - m, d_j - m>, m the mean update
  double radius = 0;      // the largest |d_i - m|

  int64_t count() const { return inner.rows; }
  // |sum_i c_i d_i|
  double length(const std::vector<double>& c) const;
  // |sum_i c_i d_i - m|
  double distance_to_mean(const std::vector<double>& c) const;
};
// models: at least one, all numbers finite, of any contexts; their distances are computed in
// `context`.
UpdateGeometry update_geometry(Context& context, const ModelState& global,
                               std::vector<ModelState> models);

// sum_i c_i w_i + (1 - sum c) w_g, the weights of the update sum_i c_i d_i; one model is read at a
// time.
Tensor combined(Context& context, const ModelState& global, const UpdateGeometry& geometry,
                const std::vector<double>& c);
// The mean of the models, statistics too, with the counters of the first.
ModelState mean_state(Context& context, const ModelState& global, const UpdateGeometry& geometry);

// (1 + cos) / 2 of each pair of centred updates, in [0, 1]; 0 on the diagonal, 1/2 for one that is
// the mean itself.
SmallMatrix cosine_graph(const SmallMatrix& deviation);
// X [k, k] with X X^T = deviation, scaled to a mean square of 1 per row: the updates in coordinates
// of their own span, largest spread first. The first layer of a network with rotation-invariant
// initial weights cannot tell them from the d coordinates.
SmallMatrix principal_coordinates(const SmallMatrix& deviation);

}  // namespace fedcamae
