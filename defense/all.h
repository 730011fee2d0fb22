// The rules, one a file; the registry lists them.
#pragma once

#include "fl/defense.h"

namespace fedcamae {

DefenseInfo mean_defense();
DefenseInfo median_defense();
DefenseInfo trimmed_mean_defense();
DefenseInfo krum_defense();
DefenseInfo multi_krum_defense();
DefenseInfo geometric_median_defense();
DefenseInfo norm_clipping_defense();
DefenseInfo centred_clipping_defense();
DefenseInfo fltrust_defense();
DefenseInfo foolsgold_defense();
DefenseInfo sign_guard_defense();
DefenseInfo dnc_defense();
DefenseInfo flame_defense();
DefenseInfo faa_dl_defense();
DefenseInfo grad_cam_ae_defense();
DefenseInfo fedcamae_defense();

}  // namespace fedcamae
