#include "fl/attacks/all.h"

namespace fedcamae {

const std::vector<AttackInfo>& attacks() {
  static const std::vector<AttackInfo> all = {none_attack(), noise_attack(), sign_flip_attack(),
                                              label_flip_attack(), gae_attack()};
  return all;
}

}  // namespace fedcamae
