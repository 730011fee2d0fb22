// The plan of a paired study: what [study] of a configuration holds, checked.
#pragma once

#include <string>
#include <vector>

#include "cli/config.h"
#include "cli/toml_file.h"
#include "core/options.h"
#include "fl/study.h"

namespace fedcamae {

struct StudyEntry {
  std::string name;  // in the tables: the type, where the plan gives none
  std::string type;
  Options options;  // the type's own
};
struct StudyPlan {
  Options settings;                  // study_options()
  std::vector<StudyEntry> attacks;   // the first is "nobody attacks"
  std::vector<StudyEntry> defenses;  // the first is plain averaging
};

const std::vector<Option>& study_options();

// `settings`: those of [study], in the order of their layers; a list that a later layer gives whole
// replaces the former. "none" and "mean" come first, also where the plan does not name them. What
// a defense is told to withstand is defense.f, where its entry does not say f. Throws Error{kUsage}
// that begins with the setting's place, also for options that a type itself refuses.
StudyPlan make_plan(const std::vector<Setting>& settings, const Config& config);

StudySpec make_study(const StudyPlan& plan);
// XXH3 of all that decides a study's numbers: the configuration and the plan, but for places and
// for how many workers and threads compute.
std::string plan_hash(Config config, const StudyPlan& plan);
// [study] as TOML: behind the configuration's it gives the same study again.
std::string plan_toml(const StudyPlan& plan);

}  // namespace fedcamae
