{# Rows for which `expression` is not true; nulls count as failures, so say `or x is null` where null is fine. #}
{% test expression_is_true(model, expression) %}
select * from {{ model }} where ({{ expression }}) is not true
{% endtest %}
