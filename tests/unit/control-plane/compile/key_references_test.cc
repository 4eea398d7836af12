#include "control-plane/compile/key_references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace perigee::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

void Set(const std::string& name, const std::string& key, v1::KeyReference& reference) {
  reference.set_name(name);
  reference.set_key(key);
}

TEST(KeyReferences, AreThoseOfVariablesAndFilesOfEveryTask) {
  v1::WorkloadTemplate workload_template;
  v1::WorkloadTask& first = *workload_template.add_tasks();
  first.add_env()->set_value("plain");
  Set("pages", "a", *first.add_env()->mutable_from_config());
  Set("pages", "b", *first.add_files()->mutable_from_config());
  Set("pay", "api", *first.add_files()->mutable_from_secret());
  v1::WorkloadTask& second = *workload_template.add_tasks();
  Set("pages", "a", *second.add_files()->mutable_from_config());
  Set("pay", "token", *second.add_env()->mutable_from_secret());
  Set("more", "c", *second.add_env()->mutable_from_config());
  const KeyReferences references = ReferencesOf(workload_template);
  EXPECT_THAT(references.configs,
              ElementsAre(Pair("more", ElementsAre("c")), Pair("pages", ElementsAre("a", "b"))));
  EXPECT_THAT(references.secrets, ElementsAre(Pair("pay", ElementsAre("api", "token"))));
}

TEST(KeyReferences, OfNothingAreNone) {
  EXPECT_THAT(ReferencesOf({}).configs, IsEmpty());
  EXPECT_THAT(ReferencesOf({}).secrets, IsEmpty());
}

}  // namespace
}  // namespace perigee::control
