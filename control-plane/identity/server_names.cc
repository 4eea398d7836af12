#include "control-plane/identity/server_names.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/str_cat.h"

namespace perigee::control {
namespace {

constexpr size_t kDnsNameLength = 253;

// The address in its one normal form; empty when it is none.
std::string NormalAddress(const std::string& text) {
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> normal{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, text.c_str(), bytes.data()) != 1) continue;
    return inet_ntop(family, bytes.data(), normal.data(), normal.size());
  }
  return "";
}

bool IsDnsName(std::string_view text) {
  if (text.empty() || text.size() > kDnsNameLength) return false;
  const auto edge = [](unsigned char c) { return std::isalnum(c) != 0 && c < 0x80; };
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view label = text.substr(begin, end - begin);
    if (label.empty() || label.size() > 63 || !edge(label.front()) || !edge(label.back())) return false;
    if (!std::all_of(label.begin(), label.end(), [&](unsigned char c) { return edge(c) || c == '-'; })) {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

}  // namespace

absl::StatusOr<ServerNames> NamesOfServer(std::string_view hostname,
                                          const std::vector<std::string>& advertised) {
  std::set<std::string> dns = {kControlPlaneName, "localhost"};
  std::set<std::string> addresses = {"127.0.0.1", "::1"};
  if (IsDnsName(hostname)) dns.insert(std::string(hostname));
  for (const std::string& name : advertised) {
    if (const std::string address = NormalAddress(name); !address.empty()) {
      addresses.insert(address);
    } else if (IsDnsName(name)) {
      dns.insert(name);
    } else {
      return absl::InvalidArgumentError(absl::StrCat("--advertise \"", name,
                                                     "\" is neither a DNS name nor an IP address; give one "
                                                     "without scheme and port"));
    }
  }
  return ServerNames{.dns = {dns.begin(), dns.end()}, .addresses = {addresses.begin(), addresses.end()}};
}

std::string MachineHostname() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace perigee::control
