#!/bin/bash
# Tells Elasticsearch of the services' logs, before the first line comes: how long they are kept, and that
# what a line says beside its message is words, for one field may hold a number here and a name there.
set -euo pipefail
at=${ELASTICSEARCH:-http://elasticsearch:9200}

put() { curl -fsS --max-time 30 -X PUT "$at/$1" -H 'content-type: application/json' --data-binary @- && echo; }

put _ilm/policy/onhand <<'END'
{ "policy": { "phases": { "hot": { "actions": {} }, "delete": { "min_age": "7d", "actions": { "delete": {} } } } } }
END

put _index_template/onhand <<'END'
{
  "index_patterns": ["onhand-*"],
  "template": {
    "settings": { "number_of_replicas": 0, "index.lifecycle.name": "onhand" },
    "mappings": {
      "dynamic_templates": [
        {
          "words": {
            "match_mapping_type": ["string", "long", "double", "boolean"],
            "mapping": { "type": "keyword", "ignore_above": 8191 }
          }
        }
      ],
      "properties": {
        "@timestamp": { "type": "date" },
        "time": { "type": "date_nanos" },
        "message": { "type": "text" },
        "log": { "type": "text" },
        "spans": { "type": "flattened", "ignore_above": 8191 }
      }
    }
  }
}
END
