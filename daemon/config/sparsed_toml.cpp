/* The one C++ file: toml++ parses the whole text into a tree, walk_* go over it.
 * No exception leaves it; out of memory is a problem like any other. */
#include "config/sparsed_toml.h"

#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <toml++/toml.h>
#include <vector>

namespace
{

/* A tree is destroyed recursively, and only dots make it deep without a limit in
 * toml++ itself (256 for brackets). With this many the stack is safe. */
constexpr std::ptrdiff_t max_dots = 8192;

struct walk {
    toml_visit *visit;
    void *context;
};

bool is_bare(std::string_view part)
{
    return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

std::string join(const std::string &prefix, std::string_view part)
{
    std::string key = prefix.empty() ? "" : prefix + ".";
    if (is_bare(part))
        return key.append(part);
    key += '"';
    for (char c : part)
        key += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return key + '"';
}

toml_value leaf(const toml::node &node)
{
    toml_value v{};
    v.kind = TOML_KIND_OTHER;
    v.line = static_cast<uint32_t>(node.source().begin.line);
    if (const auto *text = node.as_string()) {
        v.kind = TOML_KIND_STRING;
        v.string = text->get().c_str();
        v.string_bytes = text->get().size();
    } else if (const auto *integer = node.as_integer()) {
        v.kind = TOML_KIND_INTEGER;
        v.integer = integer->get();
    } else if (const auto *real = node.as_floating_point()) {
        v.kind = TOML_KIND_FLOAT;
        v.real = real->get();
    } else if (const auto *boolean = node.as_boolean()) {
        v.kind = TOML_KIND_BOOLEAN;
        v.boolean = boolean->get();
    }
    return v;
}

void walk_node(const walk &w, const std::string &key, const toml::node &node);

void walk_table(const walk &w, const std::string &prefix, const toml::table &table)
{
    for (const auto &[key, node] : table)
        walk_node(w, join(prefix, key.str()), node);
}

void walk_array(const walk &w, const std::string &key, const toml::array &array)
{
    toml_value v = leaf(array);
    const bool tables =
        std::any_of(array.begin(), array.end(), [](const toml::node &n) { return n.is_table(); });
    if (!tables) {
        std::vector<toml_value> items;
        for (const toml::node &node : array)
            items.push_back(leaf(node));
        v.kind = TOML_KIND_ARRAY;
        v.item = items.data();
        v.n_items = items.size();
        w.visit(w.context, key.c_str(), &v);
        return;
    }
    v.kind = TOML_KIND_TABLES;
    v.n_items = array.size();
    if (!w.visit(w.context, key.c_str(), &v))
        return;
    for (size_t i = 0; i < array.size(); i++)
        walk_node(w, key + "[" + std::to_string(i) + "]", array[i]);
}

void walk_node(const walk &w, const std::string &key, const toml::node &node)
{
    if (const toml::array *array = node.as_array()) {
        walk_array(w, key, *array);
        return;
    }
    toml_value v = leaf(node);
    const toml::table *table = node.as_table();
    if (table != nullptr)
        v.kind = TOML_KIND_TABLE;
    /* The visitor knows no table that is deep, so this does not go deep either. */
    if (w.visit(w.context, key.c_str(), &v) && table != nullptr)
        walk_table(w, key, *table);
}

void put_problem(char *problem, size_t bytes, std::string_view text)
{
    if (bytes == 0)
        return;
    const size_t n = std::min(text.size(), bytes - 1);
    for (size_t i = 0; i < n; i++)
        problem[i] = static_cast<unsigned char>(text[i]) < 0x20 ? ' ' : text[i];
    problem[n] = 0;
}

} // namespace

bool sparsed_toml_read(const char *text, size_t bytes, toml_visit *visit, void *context,
                       char *problem, size_t problem_bytes, uint32_t *line)
{
    *line = 0;
    if (std::count(text, text + bytes, '.') > max_dots) {
        put_problem(problem, problem_bytes, "more than 8192 dots");
        return false;
    }
    try {
        const toml::table root = toml::parse(std::string_view(text, bytes));
        walk_table(walk{visit, context}, "", root);
        return true;
    } catch (const toml::parse_error &e) {
        *line = static_cast<uint32_t>(e.source().begin.line);
        put_problem(problem, problem_bytes, e.description());
    } catch (const std::exception &e) {
        put_problem(problem, problem_bytes, e.what());
    } catch (...) {
        put_problem(problem, problem_bytes, "unknown failure of the TOML parser");
    }
    return false;
}
