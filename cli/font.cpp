#include "cli/font.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace fedcamae {
namespace {

constexpr int kFontWidth = 3;

// Five rows of three pixels, the top row first, the left pixel the highest bit of an octal digit.
const std::map<char, int>& glyphs() {
  static const std::map<char, int> made = {
      {'0', 075557}, {'1', 026227}, {'2', 071747}, {'3', 071717}, {'4', 055711}, {'5', 074717},
      {'6', 074757}, {'7', 071111}, {'8', 075757}, {'9', 075717}, {'A', 025755}, {'B', 065656},
      {'C', 034443}, {'D', 065556}, {'E', 074647}, {'F', 074644}, {'G', 034553}, {'H', 055755},
      {'I', 072227}, {'J', 011152}, {'K', 055655}, {'L', 044447}, {'M', 057755}, {'N', 065555},
      {'O', 025552}, {'P', 065644}, {'Q', 025563}, {'R', 065655}, {'S', 034216}, {'T', 072222},
      {'U', 055557}, {'V', 055552}, {'W', 055775}, {'X', 055255}, {'Y', 055222}, {'Z', 071247},
      {':', 002020}, {'.', 000002}, {'-', 000700}, {'/', 011244}, {',', 000024}};
  return made;
}

}  // namespace

void fill_rectangle(Picture& picture, int64_t x, int64_t y, int64_t width, int64_t height,
                    Color color) {
  const int64_t x_end = std::min(x + width, picture.width),
                y_end = std::min(y + height, picture.height);
  for (int64_t row = std::max<int64_t>(y, 0); row < y_end; ++row)
    for (int64_t column = std::max<int64_t>(x, 0); column < x_end; ++column) {
      uint8_t* pixel = &picture.pixels[static_cast<size_t>((row * picture.width + column) * 3)];
      pixel[0] = color.r;
      pixel[1] = color.g;
      pixel[2] = color.b;
    }
}

int64_t text_width(const std::string& text, int64_t scale) {
  return static_cast<int64_t>(text.size()) * (kFontWidth + 1) * scale;
}

void draw_text(Picture& picture, int64_t x, int64_t y, const std::string& text, Color color,
               int64_t scale) {
  for (char letter : text) {
    const auto found =
        glyphs().find(static_cast<char>(std::toupper(static_cast<unsigned char>(letter))));
    const int bits = found == glyphs().end() ? 0 : found->second;
    for (int row = 0; row < kFontHeight; ++row)
      for (int column = 0; column < kFontWidth; ++column)
        if ((bits >> (3 * (kFontHeight - 1 - row) + (kFontWidth - 1 - column)) & 1) != 0)
          fill_rectangle(picture, x + column * scale, y + row * scale, scale, scale, color);
    x += (kFontWidth + 1) * scale;
  }
}

}  // namespace fedcamae
