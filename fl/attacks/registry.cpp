#include "fl/attacks/all.h"

namespace fedcamae {

const std::vector<AttackInfo>& attacks() {
  static const std::vector<AttackInfo> all = {
      none_attack(),       noise_attack(),     sign_flip_attack(), label_flip_attack(),
      gae_attack(),        alie_attack(),      ipm_attack(),       min_max_attack(),
      min_sum_attack(),    fang_krum_attack(), gaussian_attack(),  same_value_attack(),
      free_rider_attack(), adaptive_attack()};
  return all;
}

}  // namespace fedcamae
