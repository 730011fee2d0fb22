// A clang plugin for ./dev lint: the checks of clang-tidy walk what this tree declares, and not the
// headers of the system, in which clang-tidy reports nothing but spends two thirds of its time.
#include <clang/AST/ASTConsumer.h>
#include <clang/AST/ASTContext.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Frontend/FrontendPluginRegistry.h>

#include <memory>
#include <string>
#include <vector>

namespace {

class Consumer : public clang::ASTConsumer {
  void HandleTranslationUnit(clang::ASTContext& context) override {
    const clang::SourceManager& sources = context.getSourceManager();
    std::vector<clang::Decl*> own;
    for (clang::Decl* declared : context.getTranslationUnitDecl()->decls()) {
      const clang::SourceLocation where = declared->getLocation();
      if (where.isValid() && !sources.isInSystemHeader(where)) own.push_back(declared);
    }
    context.setTraversalScope(own);
  }
};

class OwnCode : public clang::PluginASTAction {
  std::unique_ptr<clang::ASTConsumer> CreateASTConsumer(clang::CompilerInstance&,
                                                        llvm::StringRef) override {
    return std::make_unique<Consumer>();
  }
  bool ParseArgs(const clang::CompilerInstance&, const std::vector<std::string>&) override {
    return true;
  }
  ActionType getActionType() override { return AddBeforeMainAction; }
};

const clang::FrontendPluginRegistry::Add<OwnCode> kOwnCode(
    "own-code", "walk only the code outside system headers");

}  // namespace
