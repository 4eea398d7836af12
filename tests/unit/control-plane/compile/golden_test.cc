// The bytes of entries, held to those of the first release. Each case of the file gives the objects and what became of
// them. A release adds cases (write the objects, leave "entries" out, run with PERIGEE_UPDATE_GOLDEN=1, review); it
// never changes one that is there.
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "control-plane/compile/compile.h"
#include "shared/base/files.h"
#include "shared/base/random.h"

namespace perigee::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFile[] = "tests/golden/entries-v0.1.0.json";

// Repeatable, unlike a real one.
class PlainSealer final : public Sealer {
 public:
  absl::StatusOr<std::string> Seal(const v1::Secret& secret, const v1::Satellite&) override {
    return "sealed:" + secret.spec().version();
  }
};

template <typename T>
T Parse(const Json& json) {
  T message;
  const auto status = google::protobuf::util::JsonStringToMessage(json.dump(), &message);
  EXPECT_TRUE(status.ok()) << status.ToString();
  return message;
}

template <typename T>
std::vector<T> ParseAll(const Json& one_case, const char* field) {
  std::vector<T> all;
  if (!one_case.contains(field)) return all;
  for (const auto& json : one_case[field]) all.push_back(Parse<T>(json));
  return all;
}

Json EntryJson(const v1::StoredEntry& stored) {
  return {{"key", stored.entry().key()},
          {"payload", HexEncode(stored.entry().payload())},
          {"sha256", HexEncode(stored.entry().sha256())},
          {"source", HexEncode(stored.source())}};
}

Json Entries(const Json& one_case) {
  const auto assignment = Parse<v1::Assignment>(one_case["assignment"]);
  const auto revision = Parse<v1::WorkloadRevision>(one_case["revision"]);
  const auto site = Parse<v1::Site>(one_case["site"]);
  const auto satellite = Parse<v1::Satellite>(one_case["satellite"]);
  const auto configs = ParseAll<v1::Config>(one_case, "configs");
  const auto secrets = ParseAll<v1::Secret>(one_case, "secrets");
  ReplicaInput input{.assignment = &assignment,
                     .revision = &revision,
                     .workload_kind = "service",
                     .site = &site,
                     .satellite = &satellite};
  for (const auto& config : configs) input.configs[config.metadata().name()] = &config;
  for (const auto& secret : secrets) input.secrets[secret.metadata().name()] = &secret;
  PlainSealer sealer;
  const auto compiled = CompileReplica(input, {}, sealer);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  Json entries = Json::array();
  if (!compiled.ok()) return entries;
  for (const auto& put : compiled->puts) entries.push_back(EntryJson(put));
  if (!assignment.spec().permit_id().empty()) {
    entries.push_back(EntryJson(
        CompilePermit(assignment, compiled->puts.back().entry().sha256(), absl::FromUnixSeconds(1))));
  }
  return entries;
}

TEST(GoldenEntries, AreWhatTheyAlwaysWere) {
  const auto text = ReadFile(kFile, 4 << 20);
  ASSERT_TRUE(text.ok()) << text.status() << " (tests run in the root of the repository)";
  Json file = Json::parse(*text);
  const bool update = std::getenv("PERIGEE_UPDATE_GOLDEN") != nullptr;
  ASSERT_GE(file["cases"].size(), 4u);
  for (auto& one_case : file["cases"]) {
    SCOPED_TRACE(one_case["name"].get<std::string>());
    const Json entries = Entries(one_case);
    if (update && !one_case.contains("entries")) one_case["entries"] = entries;
    EXPECT_EQ(one_case["entries"], entries);
  }
  ASSERT_TRUE(!update || WriteFileAtomically(kFile, file.dump(1) + "\n", 0644).ok());
}

}  // namespace
}  // namespace perigee::control
