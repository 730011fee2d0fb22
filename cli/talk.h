// Messages for people, on stderr. Results never go through here.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

namespace fedcamae {

void talk_line(const std::string& line);        // as it is
void talk_error_line(const std::string& line);  // after "fedcamae: error: "
bool stderr_is_terminal();

template <class... Args>
void talk(fmt::format_string<Args...> format, Args&&... args) {
  talk_line(fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void talk_error(fmt::format_string<Args...> format, Args&&... args) {
  talk_error_line(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace fedcamae
