#include "defense/registry.h"

#include "defense/all.h"

namespace fedcamae {

const std::vector<DefenseInfo>& defenses() {
  static const std::vector<DefenseInfo> all = {
      mean_defense(),  median_defense(),      trimmed_mean_defense(),
      krum_defense(),  multi_krum_defense(),  dnc_defense(),
      flame_defense(), grad_cam_ae_defense(), fedcamae_defense(),
  };
  return all;
}

}  // namespace fedcamae
