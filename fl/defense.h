// The only thing the server knows of a defense: updates in, next global state and verdict out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/options.h"
#include "data/dataset.h"
#include "fl/client_update.h"
#include "models/model.h"

namespace fedcamae {

// What the server holds itself: images that are in no client's shard and not in the test metric.
struct ServerData {
  ImageSet images;
  Normalization normalization;
  int64_t classes = 0;
};

struct RoundContext {
  int64_t round = 1;         // counted from 1
  uint64_t seed = 0;         // of the run; key random numbers by (seed, purpose, round)
  const ModelState& global;  // what the clients of this round started from
  Model& model;              // of the clients' architecture, in the server's context; scratch: its
                             // state may be overwritten
  const ServerData& server;
  bool weighted = false;       // average by sample counts, else every accepted update counts alike
  bool want_pictures = false;  // fill DefenseResult::heat_maps
};

// One entry per update, in the order the updates were given (sorted by client id).
struct Verdict {
  std::vector<double> score;  // higher is more suspicious; NaN where the rule gives none
  double threshold = 0;       // in the unit of score; NaN where the rule has none
  std::vector<bool> accepted;
  std::vector<bool> nonfinite;  // rejected because weights, logits or map were not finite
};

// Pictures of a heat-map defense: one probe image, one map and one reconstruction per update.
struct HeatMapReport {
  int64_t side = 0;                    // of maps, in pixels
  std::vector<float> maps;             // [n, side, side] in [0, 1]
  std::vector<float> reconstructions;  // [n, side, side]
  int64_t probe_side = 0;
  std::vector<float> probe;  // [probe_side, probe_side, 3] in [0, 1]
};

struct DefenseResult {
  ModelState next;  // the next global state; the old one where everybody was rejected
  Verdict verdict;
  std::optional<HeatMapReport> heat_maps;
};

class Defense {
 public:
  virtual ~Defense() = default;
  // Before the first round, which must not be trained in vain: throws Error{kUsage} for what cannot
  // be done with this model and these images of the server's.
  virtual void check_setup(const Model& model, const ServerData& server) const {
    (void)model, (void)server;
  }
  // May earlier rounds change its verdict? A study that goes on from where it was interrupted then
  // has it judge those again.
  virtual bool remembers() const { return true; }
  // updates: sorted by client id, at least one. The verdict permutes with the ids. May keep memory
  // from round to round; the round that was last may come again, because it was interrupted, and
  // must then give the same.
  virtual DefenseResult aggregate(const RoundContext& round,
                                  std::span<const ClientUpdate> updates) = 0;
};

struct DefenseInfo {
  std::string name, doc, source;  // source: the paper
  std::vector<Option> options;
  std::function<std::unique_ptr<Defense>(const Options&)> make;
};

}  // namespace fedcamae
