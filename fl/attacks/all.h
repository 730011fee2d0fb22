// The attacks of this folder, one function per file; fl/attacks/registry.cpp lists them.
#pragma once

#include "fl/attack.h"

namespace fedcamae {

AttackInfo none_attack();
AttackInfo noise_attack();
AttackInfo sign_flip_attack();
AttackInfo label_flip_attack();
AttackInfo gae_attack();
AttackInfo alie_attack();
AttackInfo ipm_attack();
AttackInfo min_max_attack();
AttackInfo min_sum_attack();
AttackInfo fang_krum_attack();
AttackInfo gaussian_attack();
AttackInfo same_value_attack();
AttackInfo free_rider_attack();
AttackInfo adaptive_attack();

// Key of what the attackers of a round draw together; one attacker's own key has its client id.
inline constexpr uint32_t kSharedDraw = 0xffffffffu;

}  // namespace fedcamae
