// A directory for one test, removed with all it holds.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "shared/base/files.h"
#include "shared/base/status.h"

namespace perigee {

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(::testing::TempDir() + "perigee.XXXXXX") {
    PERIGEE_ASSERT(mkdtemp(path_.data()) != nullptr);
  }
  ~TemporaryDirectory() { RemoveTree(path_).IgnoreError(); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace perigee
