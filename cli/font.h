// Capitals, digits and a few signs in 5 x 7 pixels, for legends inside pictures.
#pragma once

#include <string>

#include "data/image_io.h"

namespace fedcamae {

struct Color {
  uint8_t r = 0, g = 0, b = 0;
};

void fill_rectangle(Picture& picture, int64_t x, int64_t y, int64_t width, int64_t height,
                    Color color);
// Top left corner at (x, y), `scale` picture pixels a font pixel. Unknown signs are left blank.
void draw_text(Picture& picture, int64_t x, int64_t y, const std::string& text, Color color,
               int64_t scale);
int64_t text_width(const std::string& text, int64_t scale);
inline constexpr int64_t kFontWidth = 5, kFontHeight = 7;

}  // namespace fedcamae
