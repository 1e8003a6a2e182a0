// Text of JSON values, for the few flat objects that the tools print.
#pragma once
#include <cmath>
#include <cstdio>
#include <string>

namespace ds::tools {

inline std::string jsonString(const std::string &text) {
  std::string out = "\"";
  for (char c : text) {
    char escape[8];
    std::snprintf(escape, sizeof(escape), "\\u%04x", unsigned(uint8_t(c)));
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else
      out += uint8_t(c) < 32 ? escape : std::string(1, c);
  }
  return out + "\"";
}

/// JSON has no infinities: those become null.
inline std::string jsonNumber(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return std::isfinite(value) ? text : "null";
}

/// A flat object under construction.
class JsonObject {
public:
  JsonObject &raw(const std::string &key, const std::string &value) {
    text += (text.empty() ? "" : ", ") + jsonString(key) + ": " + value;
    return *this;
  }
  JsonObject &add(const std::string &key, const std::string &value) { return raw(key, jsonString(value)); }
  JsonObject &add(const std::string &key, const char *value) { return raw(key, jsonString(value)); }
  JsonObject &add(const std::string &key, double value) { return raw(key, jsonNumber(value)); }
  std::string str() const { return "{" + text + "}"; }

private:
  std::string text;
};

} // namespace ds::tools
