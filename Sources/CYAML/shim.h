// libyaml's parser, whose events have no unions here: Swift sees one plain structure.
#ifndef TOLLGATE_CYAML_SHIM_H
#define TOLLGATE_CYAML_SHIM_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct cyaml_parser {
    yaml_parser_t parser;
    yaml_event_t event;
    uint8_t *text;
    size_t count;
};

// What an event is; its texts live until the next one is asked for, or the parser is closed.
struct cyaml_event {
    // A yaml_event_type_t.
    int type;
    // From 1.
    size_t line;
    // Of a scalar; it may have zeros in it.
    const uint8_t *text;
    size_t count;
    // The name of an anchor, or the one that an alias means; NULL for none.
    const char *anchor;
    // As it is written out; NULL for none.
    const char *tag;
    // Whether a scalar is plain, that is without quotation marks.
    int is_plain;
};

// Keeps a copy of the text, which is UTF-8. NULL when memory is short.
static inline struct cyaml_parser *cyaml_open(const uint8_t *text, size_t count) {
    struct cyaml_parser *parser = (struct cyaml_parser *)calloc(1, sizeof *parser);
    if (parser == NULL) return NULL;
    parser->text = (uint8_t *)malloc(count + 1);
    parser->count = count;
    if (parser->text == NULL || !yaml_parser_initialize(&parser->parser)) {
        free(parser->text);
        free(parser);
        return NULL;
    }
    if (count > 0) memcpy(parser->text, text, count);
    yaml_parser_set_encoding(&parser->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser->parser, parser->text, count);
    return parser;
}

static inline void cyaml_close(struct cyaml_parser *parser) {
    yaml_event_delete(&parser->event);
    yaml_parser_delete(&parser->parser);
    free(parser->text);
    free(parser);
}

// 1, or 0 for a text that is not YAML.
static inline int cyaml_next(struct cyaml_parser *parser, struct cyaml_event *event) {
    memset(event, 0, sizeof *event);
    yaml_event_delete(&parser->event);
    if (!yaml_parser_parse(&parser->parser, &parser->event)) return 0;
    const yaml_event_t *found = &parser->event;
    event->type = found->type;
    event->line = found->start_mark.line + 1;
    if (found->type == YAML_ALIAS_EVENT) {
        event->anchor = (const char *)found->data.alias.anchor;
    } else if (found->type == YAML_SEQUENCE_START_EVENT) {
        event->anchor = (const char *)found->data.sequence_start.anchor;
    } else if (found->type == YAML_MAPPING_START_EVENT) {
        event->anchor = (const char *)found->data.mapping_start.anchor;
    } else if (found->type == YAML_SCALAR_EVENT) {
        event->anchor = (const char *)found->data.scalar.anchor;
        event->tag = (const char *)found->data.scalar.tag;
        event->text = found->data.scalar.value;
        event->count = found->data.scalar.length;
        event->is_plain = found->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    }
    return 1;
}

// What is wrong with the text, after a 0 of cyaml_next.
static inline const char *cyaml_problem(const struct cyaml_parser *parser) {
    return parser->parser.problem != NULL ? parser->parser.problem : "memory is short";
}

// And where: a line from 1. Of a byte that can't be in a text only the offset is known.
static inline size_t cyaml_problem_line(const struct cyaml_parser *parser) {
    if (parser->parser.error != YAML_READER_ERROR) return parser->parser.problem_mark.line + 1;
    size_t line = 1;
    for (size_t index = 0; index < parser->parser.problem_offset && index < parser->count; index++)
        if (parser->text[index] == '\n') line++;
    return line;
}
#endif
