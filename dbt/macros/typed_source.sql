{#
  Select `columns` (name -> type) from a source table, cast.

  A table that nobody has written yet (an order log before the first trade, a funnel before the first pass)
  gives the same columns with no rows, so that the marts exist and are empty rather than failing. A table
  that exists but lacks a column is an error: that is drift, and drift must be loud.
#}
{% macro typed_source(table, columns) -%}
    {%- set relation = source('raw', table) -%}
    {%- set found = load_relation(relation) if execute else none -%}
    select
    {%- for name, type in columns.items() %}
        {% if found %}cast({{ adapter.quote(name) }} as {{ type }}){% else %}cast(null as {{ type }}){% endif %} as {{ adapter.quote(name) }}
        {%- if not loop.last %},{% endif %}
    {%- endfor %}
    {% if found %}from {{ relation }}{% else %}where false{% endif %}
{%- endmacro %}
