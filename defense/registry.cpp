#include "defense/registry.h"

#include "defense/all.h"

namespace fedcamae {

const std::vector<DefenseInfo>& defenses() {
  static const std::vector<DefenseInfo> all = {
      mean_defense(),          median_defense(),           trimmed_mean_defense(),
      krum_defense(),          multi_krum_defense(),       geometric_median_defense(),
      norm_clipping_defense(), centred_clipping_defense(), fltrust_defense(),
      foolsgold_defense(),     sign_guard_defense(),       dnc_defense(),
      flame_defense(),         faa_dl_defense(),           grad_cam_ae_defense(),
      fedcamae_defense(),
  };
  return all;
}

}  // namespace fedcamae
